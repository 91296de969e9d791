"""Validation by schema: errors at line and column, and texts read as numbers."""

import random

import pytest
import yaml

from merlin.dataset import spec
from merlin.dataset.spec import MAX_FINDINGS, validate_file
from merlin.dataset.yaml_io import read_yaml
from tests.support.file_mutations import GOOD, mutate

pytestmark = pytest.mark.unit

DATASET = (
    "title: {ru: Лоб}\nsystem: x\nrecipe: {provider: engine, base_model: recall}\n"
)
COURSE = "semester: 1\nname: {ru: x}\nmaterials:\n"
MATERIAL = "- {lesson: 1, type: lab, title: {ru: x}}\n"


def validate(name, text):
    return validate_file(name, read_yaml(text.encode()))


def find_places(name, text):
    return [
        (finding.rule, finding.line, finding.column)
        for finding in validate(name, text)[1]
    ]


def test_text_becomes_a_number_or_boolean_where_the_schema_allows():
    value, findings = validate(
        "dataset",
        DATASET
        + "split: {test: 0.25, min_test: 12, salt: 7}\n"
        + "launch: {quiet_s: 5, mode: off}\nstrict: true\n",
    )
    assert not findings
    assert value["split"] == {"test": 0.25, "min_test": 12, "salt": "7"}
    assert value["launch"] == {"quiet_s": 5, "mode": "off"}
    assert value["strict"] is True


def test_answer_that_looks_like_a_value_stays_text():
    text = "messages:\n  - user: true\n  - assistant: 42\n  - user: null\n  - assistant: no\n"
    value, findings = validate("example", text)
    assert not findings
    assert [next(iter(message.values())) for message in value["messages"]] == [
        "true",
        "42",
        "null",
        "no",
    ]


def test_tool_parameters_keep_their_json_types():
    text = """\
messages:
  - user: Сколько?
  - assistant: Семь.
tools:
  - type: function
    function:
      name: count
      strict: true
      parameters: {type: object, additionalProperties: false, x: [1, 2.5, null, "3", yes]}
"""
    value, findings = validate("example", text)
    assert not findings
    function = value["tools"][0]["function"]
    assert function["strict"] is True
    assert function["parameters"] == {
        "type": "object",
        "additionalProperties": False,
        "x": [1, 2.5, None, "3", "yes"],
    }


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("example", "messages: []\n", [("too-few-items", 1, 11)]),
        ("example", "tags: [a]\n", [("missing-key", 1, 1)]),
        ("example", "messages:\n- user: a\n- bot: b\n", [("unknown-key", 3, 3)]),
        ("example", "messages:\n- {user: a, assistant: b}\n", [("two-in-one", 2, 3)]),
        ("example", "messages:\n- {role: bot, content: b}\n", [("not-one-of", 2, 10)]),
        ("example", "messages:\n- {role: user}\n", [("missing-one-of", 2, 3)]),
        (
            "example",
            "messages:\n- {role: user, content: [a]}\n",
            [("wrong-type", 2, 25)],
        ),
        ("example", "just words\n", [("wrong-type", 1, 1)]),
        ("example", "messages:\n- user: a\nsplit: both\n", [("not-one-of", 3, 8)]),
        ("example", "messages:\n- user: a\ntags: [a, b, a]\n", [("same-items", 3, 7)]),
        ("dataset", "system: x\n", [("missing-key", 1, 1), ("missing-key", 1, 1)]),
        ("dataset", DATASET + "split: {test: 1.5}\n", [("too-big", 4, 15)]),
        ("dataset", DATASET + "split: {min_test: -1}\n", [("too-small", 4, 19)]),
        ("dataset", DATASET + "split: {min_test: 1.5}\n", [("wrong-type", 4, 19)]),
        (
            "dataset",
            # No advice to rename it to a key that is there.
            DATASET + "titel: x\ntesst: y\nsplitt: {}\n",
            [("unknown-key", 4, 1), ("unknown-key", 5, 1), ("misspelt-key", 6, 1)],
        ),
        ("dataset", DATASET.replace("recall", '"recall\\n"'), [("wrong-form", 3, 40)]),
        (
            "course",
            COURSE + MATERIAL,
            [("missing-one-of", 4, 3)],
        ),
        (
            "course",
            COURSE + MATERIAL.replace("}}", "}, file_url: 'javascript:x'}"),
            [("wrong-form", 4, 52)],
        ),
        (
            "course",
            COURSE
            + MATERIAL.replace(
                "}}", "}, file_url: 'https://user:password@example.com/a'}"
            ),
            [("user-in-link", 4, 52)],
        ),
        (
            "course",
            COURSE
            + MATERIAL.replace("}}", "}, file_url: 'https://example.com/@anna'}"),
            [],
        ),
    ],
)
def test_schema_error_is_reported_at_its_line_and_column(name, text, expected):
    assert find_places(name, text) == expected


def test_findings_of_one_file_are_limited():
    text = "messages:\n" + "- {bot: x}\n" * 500
    assert len(validate("example", text)[1]) == MAX_FINDINGS


@pytest.mark.parametrize(
    "number", ["1" * 5000, "1e999", "1" * 16, "0.1234567890123456"]
)
def test_huge_number_stays_a_string_and_is_refused(number):
    assert find_places("dataset", DATASET + f"split: {{test: {number}}}\n") == [
        ("wrong-type", 4, 15)
    ]


def load_value(content):
    """Return the value of a file that is YAML, else None."""
    try:
        return yaml.safe_load(content)
    except (yaml.YAMLError, ValueError):
        return None


def describe_errors(errors):
    return [(list(error.absolute_path), error.message) for error in errors]


@pytest.mark.parametrize("seed", range(4))
def test_short_messages_are_taken_as_the_schema_takes_them(seed):
    rng = random.Random(seed)  # noqa: S311 - repeatable
    files = [mutate(rng, rng.choice(GOOD)) for _ in range(300)]
    files += [
        b"messages: []",
        b"messages: [{user: [a]}]",
        b"messages: [{a: b}, {user: c, b: d}]",
    ]
    values = [value for content in files if (value := load_value(content)) is not None]
    short = [value for value in values if spec._has_short_messages(value)]
    assert 0 < len(short) < len(values)
    for value in values:
        assert describe_errors(spec._list_errors("example", value)) == describe_errors(
            spec.validator("example").iter_errors(value)
        )
