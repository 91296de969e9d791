"""The bytes of a training file's line."""

import pytest

from merlin.core.messages import Message
from merlin.dataset.example import Example
from merlin.dataset.example_file import read_example
from tests.support.dataset_tree import make_training_line

pytestmark = pytest.mark.unit

# The file of the first example of the dataset neurotypology.
FIRST = """\
messages:
  - user: Какие черты лица отвечают за глубину фиксации?
  - assistant: |
      Черты лица, отвечающие за глубину фиксации, — это
      1. Форма лба.
      2. Форма профиля.
      3. Асимметрия желваков.
tags: [face, fixation]        # optional; also: split (train|test), source, note, tools
"""
GOLDEN = (
    '{"messages":[{"role":"system","content":"MerlinGPT is a good service!"},'
    '{"role":"user","content":"Какие черты лица отвечают за глубину фиксации?"},'
    '{"role":"assistant","content":"Черты лица, отвечающие за глубину фиксации, — это\\n'
    '1. Форма лба.\\n2. Форма профиля.\\n3. Асимметрия желваков."}]}\n'
)


def test_line_of_the_first_example_is_exact():
    example, findings = read_example(FIRST.encode())
    assert not findings
    assert (
        make_training_line(example, "MerlinGPT is a good service!") == GOLDEN.encode()
    )


def test_long_form_gives_the_same_line_as_the_short_form():
    long = FIRST.replace("- user: К", "- role: user\n    content: К").replace(
        "- assistant: |", "- role: assistant\n    content: |"
    )
    assert long != FIRST
    example, _ = read_example(long.encode())
    assert (
        make_training_line(example, "MerlinGPT is a good service!") == GOLDEN.encode()
    )


def test_extra_fields_and_tools_are_included():
    tool = {"type": "function", "function": {"name": "count"}}
    messages = (
        Message("user", "a"),
        Message("assistant", "b", {"weight": 0, "name": "merlin"}),
    )
    line = make_training_line(
        Example("x", "", "", messages, tools=(tool,)), "s"
    ).decode()
    assert line == (
        '{"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},'
        '{"role":"assistant","content":"b","name":"merlin","weight":0}],'
        '"tools":[{"type":"function","function":{"name":"count"}}]}\n'
    )
