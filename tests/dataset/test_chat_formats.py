"""Exports: an import reads them back unchanged, and other programs can read them."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, seed, settings as budget, strategies as st

from merlin.core.formatted_text import is_blank
from merlin.core.messages import Message
from merlin.dataset.chat_formats import to_record
from merlin.dataset.example import Example
from merlin.dataset.import_lines import read_import_files
from merlin.dataset.import_plan import strip_system
from merlin.dataset.turns import check_turns

pytestmark = pytest.mark.unit

SYSTEM = "Отвечай коротко."
CALL = {
    "id": "1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"a": 1}'},
}
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
    letters = st.characters(exclude_categories=["Cs", "Cc", "Cn"])
    text = st.text(letters, min_size=least, max_size=30)
    lines = st.lists(text, min_size=1, max_size=3).map("\n".join)
    return lines.filter(lambda text: not is_blank(text) and not text.endswith("\n"))


@st.composite
def conversations(draw):
    pairs = draw(st.lists(st.tuples(draw_text(), draw_text()), min_size=1, max_size=3))
    own = [Message("system", draw(draw_text()))] if draw(st.booleans()) else []
    turns = [
        Message(role, content)
        for pair in pairs
        for role, content in zip(ROLES, pair, strict=True)
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


def read_back(examples):
    text = "\n".join(json.dumps(to_record(example, SYSTEM)) for example in examples)
    lines = list(read_import_files([(text.encode(), "file")]))
    assert [line.findings for line in lines] == [()] * len(lines)
    return [strip_system(line.example, SYSTEM) for line in lines]


@seed(1)
@budget(max_examples=25, deadline=None)
@given(st.lists(conversations(), min_size=1, max_size=3))
def test_export_is_imported_back_as_the_same_examples(examples):
    examples = [replace(one, id=f"{number}") for number, one in enumerate(examples)]
    assert not any(
        check_turns(example.messages, ((1, 1),) * len(example.messages))
        for example in examples
    )
    expected = [replace(strip_system(example, SYSTEM), id="") for example in examples]
    assert read_back(examples) == expected


def test_tool_calls_survive_an_export():
    assert read_back([WITH_TOOLS]) == [replace(WITH_TOOLS, id="")]
