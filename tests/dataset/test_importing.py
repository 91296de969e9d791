"""Files of other programs: every line becomes an example or a finding with its number."""

from __future__ import annotations

import json

import pytest

from merlin.dataset.example import read_example
from merlin.dataset.import_export import (
    detect_format,
    import_edits,
    read_import_lines,
    without_system,
)

pytestmark = pytest.mark.unit

JSONL, CSV = "jsonl", "csv"


def chat(*said, **more):
    return json.dumps({"messages": [{"role": r, "content": c} for r, c in said], **more})


def rules(lines):
    return [(each.line, finding.rule) for each in lines for finding in each.findings]


def test_lines_of_the_chat_format_are_examples():
    text = "\n".join(
        [
            chat(("system", "Кратко."), ("user", "Где?"), ("assistant", "Тут.\n")),
            "",
            chat(("user", "Кто?"), ("assistant", "Я."), tags=["a"], split="test"),
        ]
    )
    first, second = read_import_lines(text.encode(), JSONL)
    assert (first.line, second.line) == (1, 3)
    assert [each.content for each in first.example.messages] == ["Кратко.", "Где?", "Тут."]
    assert (second.example.tags, second.example.split) == (("a",), "test")


def test_calls_of_tools_survive():
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    line = json.dumps(
        {
            "messages": [
                {"role": "user", "content": "Где?"},
                {"role": "assistant", "content": None, "tool_calls": [call], "name": None},
                {"role": "tool", "content": "тут", "tool_call_id": "1"},
                {"role": "assistant", "content": "Тут.", "weight": 1},
            ]
        }
    )
    (told,) = read_import_lines(line.encode(), JSONL)
    assert told.example.messages[1].extra == {"tool_calls": [call]}
    assert told.example.messages[3].extra == {"weight": 1}


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("{", "import-json"),
        ("[" * 100_000, "import-json"),
        ('{"tools": ' + "[" * 30 + "]" * 30 + "}", "import-json"),
        ('"' + "x" * 1_000_001 + '"', "too-large"),
        ('{"messages": NaN}', "import-json"),
        ('{"messages": 1, "messages": 2}', "import-json"),
        ('{"tools": [{"a": 0.12345678901234567}]}', "import-json"),
        ("[1]", "wrong-type"),
        ('{"messages": []}', "too-few-items"),
        ('{"a": 1}', "unknown-key"),
        (chat(("user", "Где?")), "last-not-assistant"),
        (chat(("assistant", "Тут.")), "wrong-turn"),
        (chat(("user", " "), ("assistant", "Тут.")), "empty-content"),
        ('{"messages": [{"role": "user", "content": [{"type": "text"}]}]}', "wrong-type"),
    ],
)
def test_a_bad_line_is_told_by_its_number(line, rule):
    good = chat(("user", "Где?"), ("assistant", "Тут."))
    told = read_import_lines(f"{good}\n{line}\n{good}".encode(), JSONL)
    assert (2, rule) in rules(told)
    assert [each.line for each in told if each.example] == [1, 3]


@pytest.mark.parametrize(
    "text",
    [
        'question,answer,tags\nГде?,Тут.,"a, b"\n',
        "\ufeffвопрос;ответ;теги\r\nГде?;Тут.;a b\r\n",
        "Answer\tQuestion\tTags\nТут.\tГде?\ta;b;a\n",
    ],
)
def test_tables_are_read_however_they_are_divided(text):
    (told,) = read_import_lines(text.encode(), CSV)
    assert (told.line, told.example.question, told.example.answer) == (2, "Где?", "Тут.")
    assert told.example.tags == ("a", "b")


def test_rows_of_several_lines_are_told_by_their_first():
    text = 'question,answer\n"Где\nже?","Тут\r\nже."\n\n,\nКто?,\n"Что?",Это,ещё\n'
    told = read_import_lines(text.encode(), CSV)
    assert told[0].example.question == "Где\nже?"
    assert told[0].example.answer == "Тут\nже."
    assert rules(told) == [(7, "empty-content"), (8, "import-cells")]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", [(1, "empty-file")]),
        (b"question,answer\n", [(1, "empty-file")]),
        (b"a,b\n1,2\n", [(1, "import-heading")]),
        ("question,answer\nГде?,Тут.\n".encode("cp1251"), [(2, "not-utf8")]),
        (b'question,answer\n"a"b,c\n', [(2, "import-csv")]),
        (b'question,answer\n"a', [(2, "import-csv")]),
    ],
)
def test_a_table_that_cannot_be_read_says_where(content, found):
    assert rules(read_import_lines(content, CSV)) == found


@pytest.mark.parametrize(
    ("name", "content", "shape"),
    [
        ("a.JSONL", b"", JSONL),
        ("a.csv", b"{", CSV),
        ("a.tsv", b"", CSV),
        ("a.txt", b"\xef\xbb\xbf {", JSONL),
        ("-", b"question,answer", CSV),
    ],
)
def test_the_format_follows_from_the_name_or_the_first_sign(name, content, shape):
    assert detect_format(name, content) is shape


def test_a_system_text_of_the_dataset_is_left_to_the_dataset():
    (told,) = read_import_lines(
        chat(("system", "Кратко."), ("user", "Где?"), ("assistant", "Тут.")).encode(), JSONL
    )
    assert without_system(told.example, "кратко").messages[0].role == "user"
    assert without_system(told.example, "Длинно.") == told.example


def test_names_are_made_of_questions_and_taken_by_nobody():
    said = [chat(("user", "Где же ТУТ выход?"), ("assistant", f"{n}")) for n in range(3)]
    edits = import_edits(
        read_import_lines("\n".join(said).encode(), JSONL), "", ["Где-же-тут-выход"]
    )
    assert list(edits) == [f"examples/где-же-тут-выход-{n}.yaml" for n in (2, 3, 4)]
    line, text = edits["examples/где-же-тут-выход-3.yaml"]
    assert line == 2
    assert read_example(text.encode())[0].answer == "1"
