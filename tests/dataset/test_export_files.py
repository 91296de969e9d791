"""Export: what an import reads from each form of file are the very examples that went out."""

import csv
import json
from dataclasses import replace
from io import BytesIO, StringIO

import openpyxl
import pytest
from hypothesis import given, seed, settings as budget, strategies as st

from merlin.core.errors import Refused
from merlin.core.example_keys import KEYS
from merlin.core.messages import Message
from merlin.dataset.entries import FileText
from merlin.dataset.example_file import parse_example, write_example
from merlin.dataset.export_files import FORMS, make_row, write_export
from merlin.dataset.import_lines import read_import_files
from merlin.dataset.import_plan import plan_import, strip_system
from tests.dataset.test_chat_formats import TOOL, WITH_TOOLS, conversations

pytestmark = pytest.mark.unit

SYSTEM = "Отвечай коротко."
SETTINGS = f"""\
title: FAQ
system: {SYSTEM}
recipe: {{provider: engine, base_model: recall}}
"""
PLAIN = parse_example(
    "messages:\n  - user: Где выход?\n  - assistant: |\n      Прямо.\n\n      Потом налево.\n"
)
# Of each key values of every kind.
SAMPLES = {
    "messages": [
        WITH_TOOLS.messages,
        (Message("system", "Ты гид."), *PLAIN.messages),
        (*PLAIN.messages, Message("user", "А вход?"), Message("assistant", "Там же.")),
    ],
    "rejected": [
        Message("assistant", "Не знаю."),
        Message("assistant", "true"),
        Message("assistant", "Не знаю.", {"name": "guide"}),
    ],
    "tags": [("лицо",), ("два слова",), ("a, b", "#c"), ("007", "x")],
    "split": ["train", "test"],
    "source": ["Устав, п. 5", "2024"],
    "note": ["Проверить\nк маю.", "=note"],
    "allow": [(("personal", "Сам просил."), ("same-meaning", "Так и надо."))],
    "tools": [(TOOL,)],
}
# What files, spreadsheets and the import itself would take for something else.
ODD = [
    *(
        "007",
        "1e5",
        "1-2",
        "3 pm",
        "5 мая",
        "May 5",
        "TRUE",
        "истина",
        "50%",
        "1 000,50",
    ),
    *("=1+1", "-5", "+7 900", "@x", "#N/A", "#ДЕЛ/0!", "'=1", "''5", "'90s music"),
    *(
        "  отступ",
        "конец ",
        "\n\nпусто выше",
        "раз\n\nдва\n  три",
        "a;b,c\td|e",
        '"в кавычках"',
    ),
    *("<b>жирно</b> и <br>", "![](схема.png)", "строка\\nстрока", "C:\\new", "_x0041_"),
    *("[1, 2]", '{"role": "assistant", "content": "x"}', "### Human: a", "null", "👍"),
]


def read(form, *examples, language="ru"):
    content = write_export(examples, SYSTEM, form, language)
    return list(read_import_files([(content, f"faq.{form}")]))


def imported(form, *examples, **more):
    """Return the examples that an import of their export finds, each with its id again."""
    lines = read(form, *examples, **more)
    rules = [each.rule for line in lines for each in line.findings]
    assert (rules, [dict(line.fields)["id"] for line in lines]) == (
        [],
        sorted(each.id for each in examples),
    )
    found = [strip_system(line.example, SYSTEM) for line in lines]
    return [
        replace(each, id=dict(line.fields)["id"])
        for each, line in zip(found, lines, strict=True)
    ]


def plain(*examples):
    return [
        replace(each, path="", blob="")
        for each in sorted(examples, key=lambda each: each.id)
    ]


def number(values):
    return [
        PLAIN.at(f"{at:03d}", f"{at}.yaml", f"{at:040d}") for at, _ in enumerate(values)
    ]


def test_every_key_has_samples_for_all_forms():
    assert FORMS == ("csv", "xlsx", "jsonl")
    assert [*SAMPLES] == [key.name for key in KEYS]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", SAMPLES)
def test_every_key_survives_writing_export_and_import(key, form):
    values = SAMPLES[key]
    examples = [
        replace(
            each, **{key: value}, **({"tools": (TOOL,)} if key == "messages" else {})
        )
        for each, value in zip(number(values), values, strict=True)
    ]
    written = [
        replace(parse_example(write_example(each)), id=each.id, blob=each.blob)
        for each in examples
    ]
    assert plain(*written) == plain(*examples)
    assert imported(form, *written) == plain(*examples)


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("form", FORMS)
def test_odd_texts_survive_in_every_place(form, language):
    places = [
        lambda each, text: replace(
            each, messages=(Message("user", text), each.messages[-1])
        ),
        lambda each, text: replace(
            each, messages=(each.messages[0], Message("assistant", text))
        ),
        lambda each, text: replace(
            each, messages=(Message("system", text), *each.messages)
        ),
        lambda each, text: replace(each, rejected=Message("assistant", text)),
        lambda each, text: replace(each, note=text),
        lambda each, text: replace(each, tags=(text.strip(),)),
    ]
    texts = [(place, text) for place in places for text in ODD]
    examples = [
        place(each, text)
        for each, (place, text) in zip(number(texts), texts, strict=True)
    ]
    assert imported(form, *examples, language=language) == plain(*examples)


@seed(1)
@budget(max_examples=25, deadline=None)
@given(
    st.lists(conversations(), min_size=1, max_size=4), st.sampled_from(["csv", "jsonl"])
)
def test_any_conversation_survives(examples, form):
    examples = [replace(one, id=f"{at}") for at, one in enumerate(examples)]
    assert imported(form, *examples) == plain(
        *[replace(strip_system(one, SYSTEM), id=one.id) for one in examples]
    )


def test_row_has_plain_cells_where_they_say_all():
    asked = replace(
        PLAIN, id="выход", tags=("два слова", "x"), note="Да", allow=(("snils", "Сам"),)
    )
    messages = (Message("user", "Эй?"), Message("assistant", "Да?"), *asked.messages)
    row = make_row(replace(asked, messages=messages), SYSTEM)
    assert row == {
        "id": "выход",
        "question": "Где выход?",
        "answer": "Прямо.\n\nПотом налево.",
        "history": '[{"role":"user","content":"Эй?"},{"role":"assistant","content":"Да?"}]',
        "tags": "два слова, x",
        "note": "Да",
        "allow": '{"snils":"Сам"}',
        "revision": asked.blob,
    }
    assert [*make_row(WITH_TOOLS, SYSTEM)] == ["id", "json", "revision"]


@pytest.mark.parametrize(("language", "divider"), [("ru", ";"), ("en", ",")])
def test_csv_opens_in_excel_of_the_language_as_text(language, divider):
    examples = [
        replace(each, note=text)
        for each, text in zip(number(ODD[:14]), ODD[:14], strict=True)
    ]
    content = write_export(examples, SYSTEM, "csv", language)
    text = content.decode("utf-8-sig")
    assert content.startswith(b"\xef\xbb\xbfid" + divider.encode())
    rows = [*csv.reader(StringIO(text, newline=""), delimiter=divider)]
    assert rows[0] == ["id", "question", "answer", "note", "revision"]
    assert {row[0][:1] + row[3][:1] for row in rows[1:]} == {"''"}


def test_workbook_has_texts_alone():
    examples = [
        replace(each, note=text)
        for each, text in zip(number(ODD[:14]), ODD[:14], strict=True)
    ]
    book = openpyxl.load_workbook(BytesIO(write_export(examples, SYSTEM, "xlsx", "ru")))
    heading, *rows = book.active.iter_rows()
    assert [cell.value for cell in heading] == [
        "id",
        "question",
        "answer",
        "note",
        "revision",
    ]
    assert [row[3].value for row in rows] == ODD[:14]
    assert {(cell.data_type, cell.number_format) for row in rows for cell in row} == {
        ("s", "@")
    }


def test_text_that_no_cell_can_have_is_refused_with_the_forms_that_can():
    long = replace(
        WITH_TOOLS,
        id="a",
        messages=(PLAIN.messages[0], Message("assistant", "я" * 32_767)),
        tools=(),
    )
    assert imported("xlsx", long) == plain(long)
    longer = replace(
        long, messages=(PLAIN.messages[0], Message("assistant", "я" * 32_768))
    )
    with pytest.raises(Refused) as refused:
        write_export([longer], SYSTEM, "xlsx", "ru")
    assert (refused.value.key, refused.value.arguments["example"]) == (
        "export-too-long",
        "a",
    )
    assert imported("csv", longer) == plain(longer)


def edit_csv(content):
    return content.decode().replace("Прямо.", "Прямо и вверх.", 1).encode()


def edit_jsonl(content):
    return content.decode().replace("Прямо.", "Прямо и вверх.", 1).encode()


def edit_xlsx(content):
    book = openpyxl.load_workbook(BytesIO(content))
    book.active["C2"] = book.active["C2"].value.replace("Прямо.", "Прямо и вверх.")
    output = BytesIO()
    book.save(output)
    return output.getvalue()


@pytest.mark.parametrize(
    ("form", "edit"), [("csv", edit_csv), ("xlsx", edit_xlsx), ("jsonl", edit_jsonl)]
)
def test_what_was_edited_outside_is_all_that_is_new(form, edit):
    examples = [
        replace(
            each,
            id=name,
            blob=name * 20,
            messages=(Message("user", f"Где {name}?"), each.messages[-1]),
        )
        for each, name in zip(number(range(3)), ("001", "1-2", "нет"), strict=True)
    ]
    files = [
        FileText("trial", "dataset.yaml", "f" * 40, SETTINGS),
        *(
            FileText(
                "trial", f"examples/{each.id}.yaml", each.blob, write_example(each)
            )
            for each in examples
        ),
    ]
    content = write_export(examples, SYSTEM, form, "ru")
    plan = plan_import("trial", files, read_import_files([(content, "a")]))
    assert (plan.lines, plan.duplicates, plan.edits, plan.questions) == (3, 3, (), ())
    lines = [*read_import_files([(edit(content), "a")])]
    plan = plan_import("trial", files, lines)
    assert (plan.duplicates, plan.questions) == (2, ())
    [edit] = plan.edits
    assert "Прямо и вверх." in edit.text
    assert [dict(line.fields)["id"] for line in lines] == ["001", "1-2", "нет"]
    # Somebody has edited it since: the older file doesn't take that back.
    newer = [replace(each, blob=f"{n}" * 40) for n, each in enumerate(files, 5)]
    plan = plan_import("trial", newer, lines)
    assert (plan.edits, plan.held) == ((), 1)


def test_row_that_was_added_outside_is_cleaned_as_any_other():
    content = write_export([replace(PLAIN, id="a")], SYSTEM, "csv", "en").decode()
    lines = [
        *read_import_files(
            [(f"{content},Как войти?,По <b>ссылке</b>.\n".encode(), "a")]
        )
    ]
    assert [line.example.answer for line in lines][1:] == ["По ссылке."]


def test_whole_record_of_a_row_leaves_nothing_that_was_added_beside_it_unasked():
    content = write_export([replace(WITH_TOOLS, id="a")], SYSTEM, "csv", "en").decode(
        "utf-8-sig"
    )
    rows = [*csv.reader(StringIO(content, newline=""))]
    rows[0].append("Проверено")
    rows[1].append("нет")
    changed = StringIO(newline="")
    csv.writer(changed).writerows(rows)
    [line] = read_import_files([(changed.getvalue().encode(), "a")])
    assert ("Проверено", "нет") in line.fields


@pytest.mark.parametrize("value", [False, 0, "нет"])
def test_field_that_was_added_to_an_exported_record_is_asked_about(value):
    [record] = write_export(
        [PLAIN.at("a", "", "b")], SYSTEM, "jsonl", "ru"
    ).splitlines()
    changed = json.dumps(json.loads(record) | {"kto_tag": value})
    [line] = read_import_files([(changed.encode(), "a")])
    assert dict(line.fields) == {"id": "a", "kto_tag": str(value).lower()}


@pytest.mark.parametrize("column", ["history", "tools", "json", "messages", "allow"])
def test_cell_nested_as_deep_as_no_parser_can_read_is_no_crash(column):
    deep = "[" * 100_000
    content = f"question,answer,{column}\nГде?,Тут.,{deep}\n"
    [line] = read_import_files([(content.encode(), "a")])
    assert line.example is None or dict(line.fields) == {column: deep}


def test_record_of_another_program_has_its_html_taken_as_text():
    said = [
        {"role": "user", "content": "А?"},
        {"role": "assistant", "content": "По <b>ссылке</b>."},
    ]
    [theirs] = read_import_files(
        [(json.dumps({"id": "1", "messages": said}).encode(), "a")]
    )
    assert theirs.example.answer == "По ссылке."
