"""The quick check of a file's JSON agrees with jsonschema."""

import random
import unicodedata

import pytest

from merlin.dataset import spec
from merlin.dataset.example import read_example
from merlin.dataset.finding import Finding
from merlin.dataset.spec import quick_check, validator
from merlin.dataset.yaml_io import read_yaml
from tests.support.file_mutations import GOOD, mutate

pytestmark = pytest.mark.unit

SEEDS = range(4)
# Values that YAML can give: no other numbers, no half of a surrogate pair.
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
DATASET = {
    "title": {"ru": "а"},
    "system": "b",
    "recipe": {
        "provider": "engine",
        "base_model": "recall",
        "method": "supervised",
        "hyperparameters": {"n_epochs": 3},
        "suffix": "c",
    },
    "split": {"test": 0.2, "salt": "v1", "min_test": 10},
    "launch": {"mode": "auto", "quiet_s": 60, "min_new": 1},
    "gate": {"floor": {"right": 0.5}},
    "strict": False,
    "check": {"off": {"cut-off": "d"}},
}
MATERIALS = [
    {"lesson": 1, "type": "lecture", "title": {"ru": "а"}, "text": "materials/a.md"},
    {"lesson": 2, "type": "lab", "title": {"en": "b"}, "file_url": "https://example.com/b"},
]
COURSE = {"semester": 1, "name": {"ru": "а"}, "teachers": ["boris"], "materials": MATERIALS}


def mutate_json(rng, value, chance):
    """Return a copy of JSON with some values, keys and lengths changed."""
    if rng.random() < chance:
        return rng.choice((*SCALARS, [], {}, [value], {"a": value}, WHOLE["tools"]))
    if isinstance(value, list):
        items = [mutate_json(rng, item, chance) for item in value if rng.random() > chance / 2]
        return items * (rng.choice((1, 2, 60, 130, 1001)) if rng.random() < chance / 2 else 1)
    if isinstance(value, dict):
        fields = {
            rng.choice(KEYS) if rng.random() < chance else key: mutate_json(rng, item, chance)
            for key, item in value.items()
            if rng.random() > chance / 2
        }
        return fields | ({rng.choice(KEYS): "x"} if rng.random() < chance / 2 else {})
    return value


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("name", "whole"), [("example", WHOLE), ("dataset", DATASET), ("course", COURSE)]
)
def test_quick_check_of_random_json_agrees_with_jsonschema(name, whole, seed):
    rng = random.Random(seed)  # noqa: S311 - repeatable on purpose
    values = [mutate_json(rng, whole, rng.choice((0.01, 0.03, 0.1))) for _ in range(300)]
    quick = [quick_check(name)(value) for value in values]
    assert quick == [validator(name).is_valid(value) for value in values]
    assert 50 < sum(quick) < 250


def test_patterns_of_the_quick_check_accept_no_blank_that_jsonschema_rejects():
    kinds = {"Zs", "Zl", "Zp", "Cf"}  # of Cc a file contains the first three alone
    letters = (each for each in map(chr, range(0x11000)) if unicodedata.category(each) in kinds)
    for letter in ("\n", "\t", "\x85", *letters):
        recipe = {"provider": "engine", "base_model": f"a{letter}"}
        for dataset in (
            {**DATASET, "recipe": recipe},
            {**DATASET, "check": {"off": {"inn": letter}}},
        ):
            is_valid = validator("dataset").is_valid(dataset)
            assert is_valid or not quick_check("dataset")(dataset), letter
        material = {
            "lesson": 1,
            "type": "lab",
            "title": {"ru": "а"},
            "file_url": f"http://{letter}",
        }
        course = {**COURSE, "materials": [material]}
        assert validator("course").is_valid(course) or not quick_check("course")(course), letter


@pytest.mark.parametrize("seed", SEEDS)
def test_findings_are_equal_with_and_without_the_quick_check(seed, monkeypatch):
    rng = random.Random(seed)  # noqa: S311 - repeatable on purpose
    files = [mutate(rng, rng.choice(GOOD)) for _ in range(100)]
    files = [file for file in files if not isinstance(read_yaml(file), Finding)]
    assert len(files) > 10
    quick = [read_example(file) for file in files]
    monkeypatch.setattr(spec, "quick_check", lambda _name: lambda _value: False)
    assert [read_example(file) for file in files] == quick
