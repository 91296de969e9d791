"""What other programs leave in texts is an error or a warning, in examples and in imports."""

import io
import json

import pytest

from merlin.core.messages import Message
from merlin.dataset.entries import FileText
from merlin.dataset.example import Example, write_example
from merlin.dataset.import_lines import read_import_lines
from merlin.dataset.import_plan import plan_import
from merlin.dataset.leftovers import find_leftovers
from tests.support.dataset_tree import check_with, make_good_files, only_finding

pytestmark = pytest.mark.unit

FOUND = {
    "missing-value": [
        ("answer", text)
        for text in [
            "null",
            "NULL",
            "nan",
            "NaN",
            "None",
            "N/A",
            "n/a",
            "-",
            "---",
            "—",
            "<NA>",
            "\\N",
            "<null>",
            "#REF!",
            "#Н/Д",
            "[object Object]",
        ]
    ]
    + [("answer", " null\n"), ("question", "nan"), ("answer", "н/д")],
    "missing-picture": [
        ("question", "<image>Who are they?"),
        ("question", "Who are they?\n<IMAGE>"),
        ("question", "<|image_1|>\nWho?"),
        ("question", "<image_placeholder> Who?"),
        ("question", "<video>Who?"),
        ("question", "<image 1> Who?"),
        ("question", "<image:1> Who?"),
        ("question", "Picture 1: <img>a.jpg</img> Who?"),
        ("answer", "Look: <image>"),
    ],
    "unfilled-template": [
        ("answer", "I am {{name}}, made by {{author}}."),
        ("answer", "I am {{ name }}."),
        ("question", "{{user.name}}: where?"),
        ("", "You teach {{subject|upper}}."),
        ("answer", "{{#if a}}Yes{{/if}}"),
        ("answer", "{% if a %}Yes{% endif %}"),
    ],
    "excel-escape": [("answer", "One._x000D_\nTwo."), ("question", "One._x000a_Two")],
    "legacy-separator": [
        ("question", "Where?\n\n###\n\n"),
        ("question", "Where? ->"),
        ("question", "Where?###"),
        ("question", "Where?\n\n===>"),
        ("question", "Where?\n\n### Response:\n"),
        ("question", "\n\nHuman: Where?\n\nAssistant:"),
        ("answer", "Hold the button. [END]"),
        ("answer", " Hold the button. END"),
        ("answer", "Hold the button.\nEND\n"),
        ("answer", "Hold the button ###"),
    ],
    "escaped-line-end": [
        ("answer", "One.\\nTwo."),
        ("answer", "One.\\n\\nTwo."),
        ("answer", "Раз\\nДва"),
        ("question", "One.\\r\\nTwo?"),
        ("answer", "First:\\n- one"),
        ("answer", "Done.\\n"),
        ("answer", "\\u0414\\u0430"),
    ],
    "replacement-character": [("answer", "Это л\ufffdмпа."), ("question", "Что \ufffd?")],
    "reasoning": [
        ("answer", "<think>So…</think>Lamps."),
        ("answer", "So…\n</think>\nLamps."),
        ("answer", "<Thinking>So"),
        ("answer", "[THINK]So[/THINK]Lamps."),
        ("answer", "<reflection>So</reflection>Lamps."),
    ],
}


@pytest.mark.parametrize(
    ("rule", "kind", "text"), [(rule, *each) for rule, texts in FOUND.items() for each in texts]
)
def test_leftover_of_another_program_is_found(rule, kind, text):
    assert [found[0] for found in find_leftovers(text, kind)] == [rule]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("answer", "`None`"),
        ("answer", "None."),
        ("answer", "It is null."),
        ("answer", "Na"),
        ("answer", "#Python"),
        ("", "null"),  # the result of a tool, an answer to the assistant's question
        ("answer", "In Jinja it is `{{ name }}`."),
        ("answer", "```\n{% if a %}\n```"),
        ("answer", "~~~\n{% if a %}\n~~~"),
        ("answer", "Write ``{{ `a` }}`` there."),
        ("answer", "Write:\n\n    {{#each items}}\n\n    {{/each}}\n\nThat is all."),
        ("answer", "std::vector<Point> all = {{x, y}};"),
        ("answer", "image: {{ .Values.image }}"),
        ("answer", r"The half is \frac{{a}}{{b}}, and x^{{n}}; ${{ secrets.KEY }} is the key"),
        ("question", "What does `<image>` do?"),
        ("question", "Where does the tag <video> belong in a page?"),
        ("answer", "The WEEKEND"),
        ("answer", "END of it"),
        ("question", "What is ### in Markdown?"),
        ("answer", r"The escape \n ends a line, so does '\n' and \r\n."),
        ("answer", r'print("a\nB")'),
        ("answer", "`a.\\nB`"),
        ("answer", r"In LaTeX x\neq y and a\times b; on Windows C:\new"),
        ("question", "Do models write <think>?"),
    ],
)
def test_text_about_these_is_not_a_leftover(kind, text):
    assert list(find_leftovers(text, kind)) == []


def test_error_rejects_the_example_and_a_warning_does_not():
    checked = check_with(
        empty="messages:\n  - user: Где?\n  - assistant: null\n",
        odd="messages:\n  - user: Куда?\n  - assistant: Туда. END\n",
    )
    error, warning = (only_finding(checked, rule) for rule in ("missing-value", "legacy-separator"))
    assert (error.severity, error.path, error.line) == ("error", "examples/z/empty.yaml", 3)
    assert (warning.severity, warning.path, warning.line) == ("warning", "examples/z/odd.yaml", 3)
    assert (len(checked.examples), checked.rejected) == (61, 1)


def test_worse_answer_is_looked_at_and_a_later_word_of_the_user_is_not():
    pair = "messages:\n  - user: Где?\n  - assistant: Там.\nrejected: nan\n"
    assert only_finding(check_with(a=pair), "missing-value").line == 4
    quiz = (Message("user", "Спроси"), Message("assistant", "Что вернёт print?"))
    quiz += (Message("user", "None"), Message("assistant", "Верно."))
    assert check_with(a=write_example(Example("", "", "", quiz))).rejected == 0


def test_imported_records_have_the_same_findings_at_their_lines():
    answers = ["null", "I am {{name}}.", "One. END", "Good."]
    records = [{"question": f"Вопрос {n} о лбе?", "answer": each} for n, each in enumerate(answers)]
    file = io.BytesIO("".join(f"{json.dumps(each)}\n" for each in records).encode())
    lines = read_import_lines(io.BufferedReader(file), "a.jsonl")
    files = [FileText("first", path, "", text) for path, text in make_good_files(60).items()]
    plan = plan_import("first", files, lines)
    assert [(each.rule, each.path, each.line) for each in plan.findings] == [
        ("missing-value", "a.jsonl", 1),
        ("unfilled-template", "a.jsonl", 2),
        ("legacy-separator", "a.jsonl", 3),
    ]
    assert len(plan.good_edits) == 2
