"""Exports: an import reads them back unchanged, and other programs can read them."""

import csv
import io
import json
from dataclasses import replace
from io import BufferedReader, BytesIO

import pytest
from hypothesis import given, seed
from hypothesis import settings as budget
from hypothesis import strategies as st

from merlin.core.formatted_text import is_blank
from merlin.core.messages import Message
from merlin.dataset.example import Example, check_turns
from merlin.dataset.export import export_examples, export_folder
from merlin.dataset.import_lines import read_import_lines
from merlin.dataset.import_plan import strip_system
from merlin.dataset.spec import DatasetSpec, Recipe, SplitRule
from merlin.dataset.split import split

pytestmark = pytest.mark.unit

SYSTEM = "Отвечай коротко."
SPEC = DatasetSpec(
    name="trial",
    title={"ru": "Проба", "en": "Trial: one"},
    system=SYSTEM,
    recipe=Recipe("engine", "recall"),
    split=SplitRule(test=0.0),
)
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
WITH_TOOLS = Example(
    "tools",
    "",
    "",
    (
        Message("user", "Где?"),
        Message("assistant", "", {"tool_calls": [CALL]}),
        Message("tool", "тут", {"tool_call_id": "1"}),
        Message("assistant", "Тут.", {"weight": 1}),
    ),
    tools=(TOOL,),
)


def draw_text(least=1):
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0")
    text = st.text(letters, min_size=least, max_size=30)
    lines = st.lists(text, min_size=1, max_size=3).map("\n".join)
    return lines.filter(lambda text: not is_blank(text) and not text.endswith("\n"))


@st.composite
def conversations(draw):
    pairs = draw(st.lists(st.tuples(draw_text(), draw_text()), min_size=1, max_size=3))
    own = [Message("system", draw(draw_text()))] if draw(st.booleans()) else []
    turns = [
        Message(role, content) for pair in pairs for role, content in zip(ROLES, pair, strict=True)
    ]
    tag = st.text("abвг", min_size=1, max_size=4)
    return Example(
        "a",
        "",
        "",
        (*own, *turns),
        tags=tuple(draw(st.lists(tag, max_size=2, unique=True))),
        split=draw(st.sampled_from([None, "train", "test"])),
        source=draw(st.sampled_from(["", "Книга"])),
        note=draw(st.sampled_from(["", "Слово"])),
    )


ROLES = ("user", "assistant")


def read_back(text):
    lines = list(read_import_lines(BufferedReader(BytesIO(text.encode())), "file"))
    assert [line.findings for line in lines] == [()] * len(lines)
    return [strip_system(line.example, SYSTEM) for line in lines]


@pytest.mark.parametrize("shape", ["openai", "sharegpt", "alpaca"])
@seed(1)
@budget(max_examples=25, deadline=None)
@given(st.lists(conversations(), min_size=1, max_size=3))
def test_export_is_imported_back_as_the_same_examples(shape, examples):
    examples = [replace(one, id=f"{number}") for number, one in enumerate(examples)]
    assert not any(
        check_turns(example.messages, ((1, 1),) * len(example.messages)) for example in examples
    )
    text, left_out = export_examples(examples, SYSTEM, shape)
    assert left_out == []
    expected = [replace(strip_system(example, SYSTEM), id="") for example in examples]
    assert read_back(text) == expected


@pytest.mark.parametrize("shape", ["openai", "sharegpt"])
def test_tool_calls_survive_an_export(shape):
    text, left_out = export_examples([WITH_TOOLS], SYSTEM, shape)
    assert (read_back(text), left_out) == ([replace(WITH_TOOLS, id="")], [])


def test_exported_cells_are_never_formulas_and_import_restores_them():
    cells = ("=1+1", "'=1", "#N/A", "'#Н/Д", "#5", "+7", "-2", "@SUM(A1)", "\t=1", "'plain")
    examples = [
        Example(str(number), "", "", (Message("user", cell), Message("assistant", cell)))
        for number, cell in enumerate(cells)
    ]
    text, _ = export_examples(examples, "", "csv")
    written = [row[0] for row in list(csv.reader(io.StringIO(text)))[1:]]
    assert not [cell for cell in written if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert [example.question for example in read_back(text)] == [*cells]


def test_table_keeps_what_some_example_has():
    tested = make_example("a", "test", source="книга")
    text, _ = export_examples([tested, make_example("b", None)], "", "csv")
    assert text.splitlines()[0] == "question,answer,tags,split,source"
    assert [(each.split, each.source) for each in read_back(text)] == [
        ("test", "книга"),
        (None, ""),
    ]


def test_examples_that_a_format_cannot_hold_are_reported():
    pair = Example("pair", "", "", (Message("user", "Где?"), Message("assistant", "Тут.")))
    long = replace(pair, id="long", messages=pair.messages * 2)
    for shape, expected in (("alpaca", ["tools"]), ("csv", ["long", "tools"])):
        text, left_out = export_examples([WITH_TOOLS, pair, long], SYSTEM, shape)
        assert left_out == expected
        assert "Где?" in text


def test_formats_equal_those_of_other_programs():
    messages = [Message(*turn) for turn in zip(ROLES * 2, "абвг", strict=True)]
    example = Example("a", "", "", tuple(messages))
    text, _ = export_examples([example], "С", "sharegpt")
    assert json.loads(text) == {
        "conversations": [
            {"from": "system", "value": "С"},
            {"from": "human", "value": "а"},
            {"from": "gpt", "value": "б"},
            {"from": "human", "value": "в"},
            {"from": "gpt", "value": "г"},
        ]
    }
    text, _ = export_examples([example], "С", "alpaca")
    assert json.loads(text) == {
        "instruction": "в",
        "input": "",
        "output": "г",
        "system": "С",
        "history": [["а", "б"]],
    }


def make_example(name, side, **more):
    messages = (Message("user", f"Где {name}?"), Message("assistant", "Тут."))
    return Example(name, "", "", messages, split=side, **more)


def make_examples(taught=12, tested=3):
    train = [make_example(f"a{number}", "train") for number in range(taught)]
    return train + [make_example(f"b{number}", "test", tags=("x",)) for number in range(tested)]


@pytest.mark.parametrize(
    ("shape", "ending"),
    [("openai", "jsonl"), ("sharegpt", "jsonl"), ("alpaca", "jsonl"), ("csv", "csv")],
)
def test_folder_has_one_file_per_side_of_the_split(shape, ending):
    files, left_out = export_folder(make_examples(), SPEC, shape)
    assert (sorted(files), left_out) == ([f"test.{ending}", f"train.{ending}"], [])
    assert [len(read_back(files[f"{side}.{ending}"])) for side in ("train", "test")] == [12, 3]
    files, _ = export_folder(make_examples(tested=0), SPEC, shape)
    assert list(files) == [f"train.{ending}"]
    assert export_folder([], SPEC, shape) == ({}, [])


def test_sides_equal_those_of_a_build():
    spec = replace(SPEC, split=SplitRule(test=0.3))
    unmarked = [make_example(f"{number}", None) for number in range(60)]
    files, _ = export_folder(unmarked, spec, "csv")
    tested = {row[0] for row in list(csv.reader(io.StringIO(files["test.csv"])))[1:]}
    sides = split(unmarked, spec.split)
    assert tested == {example.question for example in unmarked if sides[example.id] == "test"}
    assert 5 < len(tested) < 40
