"""Where a YAML file is broken, and why."""

import pytest
import yaml

from merlin.core.yaml_error import describe_yaml_error, json_type

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("content", "described"),
    [
        ("a: 1\n<<<<<<< HEAD\nb: [\n", (2, 1, "conflict")),
        ("a: ж\nb: x\x07\n", (2, 5, "other")),
        ('a: 1\nb: "never closed\n', (2, 4, "quote")),
        ("a:\n\tb: 1\n", (2, 1, "tab")),
        ("a:\n    b: 1\n  c: 2\n", (3, 3, "indent")),
        ("a:\n    b: 1 # c\n  c: 2\n", (3, 3, "hash")),
        ("a: [1, 2\n", (2, 1, "other")),
    ],
)
def test_error_has_a_place_and_a_reason(content, described):
    with pytest.raises(yaml.YAMLError) as caught:
        list(yaml.parse(content, yaml.CSafeLoader))
    assert describe_yaml_error(caught.value, content) == described


def test_error_without_a_place_is_at_the_start():
    assert describe_yaml_error(yaml.YAMLError("?"), "a: 1\n") == (1, 1, "other")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("a", "string"),
        (True, "boolean"),
        (1.5, "number"),
        ({}, "object"),
        (None, "null"),
    ],
)
def test_type_of_a_value_has_its_name_of_json_schema(value, name):
    assert json_type(value) == name
