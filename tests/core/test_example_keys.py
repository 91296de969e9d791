"""The rows of an example's keys: what the schema, files and tables take from them."""

import pytest

from merlin.core.example_keys import KEYS, ExampleParts
from merlin.core.messages import Message
from merlin.core.table_cells import find_columns
from merlin.dataset.spec import schema

pytestmark = pytest.mark.unit


def test_schema_has_each_key_with_its_kind_and_its_own_bounds():
    rules = schema("example")
    assert {key.name: key.is_required for key in KEYS} == {
        name: name in rules["required"] for name in rules["properties"]
    }
    assert {key.kind for key in KEYS} <= {*rules["$defs"]}
    assert rules["properties"]["note"] == {
        "description": "A word to other editors; never trained.",
        "$ref": "#/$defs/text",
        "maxLength": 10000,
    }


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("split", "split"),
        ("rejected", "rejected"),
        ("tag", "tags"),
        ("Раздел", "tags"),
        ("источник", "source"),
        ("Заметка", "note"),
    ],
)
def test_column_of_a_table_has_the_keys_name_or_another_one(name, key):
    assert find_columns([name]) == {key: 0}


@pytest.mark.parametrize("name", ["messages", "allow", "tools"])
def test_what_people_write_in_no_cell_is_no_column(name):
    assert find_columns([name]) == {}


def test_example_without_a_value_has_no_key():
    parts = ExampleParts("a", "", "", (Message("user", "?"),))
    assert [key.name for key in KEYS if getattr(parts, key.name)] == ["messages"]
