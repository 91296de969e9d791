"""The quick verdict on an example's JSON is jsonschema's own, and nothing needs it."""

from __future__ import annotations

import random
import sys

import pytest

from merlin.dataset.example import read_example
from merlin.dataset.finding import Finding
from merlin.dataset.spec import quick_check, schema, validator
from merlin.dataset.yaml_io import read_yaml
from tests.support.file_mutations import GOOD, mutate

pytestmark = pytest.mark.unit

SEEDS = range(8)
# As they come from YAML: no other numbers, and no half of a letter.
SCALARS = (
    *("", " ", "x", "я" * 64, "😀" * 64, "x" * 65, "x" * 200, "x" * 201, "x" * 2001, "x" * 10_001),
    *("user", "tool", "train", "test", "function", "1", "true", "\ufeff", "\x85"),
    *(0, 1, 2, -1, 999_999_999_999_999, 0.0, 1.0, 0.5, 1e99, -0.0, True, False, None),
)
KEYS = ("", "role", "content", "name", "weight", "user", "assistant", "system", "function", "extra")
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
WHOLE = {
    "messages": [
        {"system": "a"},
        {"role": "user", "content": "b", "name": "c"},
        {"role": "assistant", "tool_calls": [CALL], "weight": 1},
        {"role": "tool", "content": "d", "tool_call_id": "1"},
        {"assistant": "e"},
    ],
    "tags": ["f", "g"],
    "split": "train",
    "source": "h",
    "note": "i",
    "tools": [
        {"type": "function", "function": {"name": "f", "strict": True, "parameters": {"a": [1]}}}
    ],
}


@pytest.fixture(autouse=True)
def _anew():
    yield
    quick_check.cache_clear()


def drawn(dice, value, chance):
    """Return a copy of JSON in which some values, keys and lengths are others."""
    if dice.random() < chance:
        return dice.choice((*SCALARS, [], {}, [value], {"a": value}, WHOLE["tools"]))
    if isinstance(value, list):
        said = [drawn(dice, each, chance) for each in value if dice.random() > chance / 2]
        return said * (dice.choice((1, 2, 60, 130, 1001)) if dice.random() < chance / 2 else 1)
    if isinstance(value, dict):
        said = {
            dice.choice(KEYS) if dice.random() < chance else key: drawn(dice, each, chance)
            for key, each in value.items()
            if dice.random() > chance / 2
        }
        return said | ({dice.choice(KEYS): "x"} if dice.random() < chance / 2 else {})
    return value


@pytest.mark.parametrize("seed", SEEDS)
def test_the_quick_verdict_on_drawn_json_is_that_of_jsonschema(seed):
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    values = [drawn(dice, WHOLE, dice.choice((0.01, 0.03, 0.1))) for _ in range(300)]
    quick = [quick_check("example")(value) for value in values]
    assert quick == [validator("example").is_valid(value) for value in values]
    assert 50 < sum(quick) < 250


@pytest.mark.parametrize("value", SCALARS)
@pytest.mark.parametrize("key", ["content", "name", "weight", "tool_call_id", "role"])
def test_the_quick_verdict_on_each_kind_of_value_is_that_of_jsonschema(key, value):
    said = {"messages": [{"role": "user", "content": "x", key: value}]}
    assert quick_check("example")(said) == validator("example").is_valid(said)


@pytest.mark.parametrize("value", SCALARS)
def test_the_quick_verdict_on_equal_tags_is_that_of_jsonschema(value):
    said = {**WHOLE, "tags": [value, "x", value]}
    assert quick_check("example")(said) == validator("example").is_valid(said)


@pytest.mark.parametrize("seed", SEEDS)
def test_files_say_the_same_with_the_quick_verdict_and_without(seed, monkeypatch):
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    files = [mutate(dice, dice.choice(GOOD)) for _ in range(100)]
    files = [file for file in files if not isinstance(read_yaml(file), Finding)]
    assert len(files) > 10
    quick = [read_example(file) for file in files]
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    quick_check.cache_clear()
    assert not quick_check("example")(WHOLE)
    assert [read_example(file) for file in files] == quick


def test_the_schema_of_examples_has_nothing_that_two_libraries_read_differently():
    def words(value):
        if isinstance(value, dict):
            yield from value
        for each in value.values() if isinstance(value, dict) else value:
            if isinstance(each, dict | list):
                yield from words(each)

    assert not {"pattern", "format", "contentEncoding", "$dynamicRef"} & {*words(schema("example"))}
