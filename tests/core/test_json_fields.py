"""Fields of JSON objects that others wrote."""

import pytest

from merlin.core.json_fields import get_integer, get_list, get_object, get_text

pytestmark = pytest.mark.unit

VALUES = {"object": {"a": 1}, "list": [1, "b"], "text": "c", "integer": 7, "none": None}
READERS = {
    "object": get_object,
    "list": get_list,
    "text": get_text,
    "integer": get_integer,
}


@pytest.mark.parametrize("kind", READERS)
def test_missing_field_and_field_of_another_type_are_empty(kind):
    empty = type(VALUES[kind])()
    others = VALUES.keys() - {kind} | {"missing"}
    assert [READERS[kind](VALUES, name) for name in others] == [empty] * len(others)


def test_text_joins_surrogate_pairs():
    assert get_text({"text": "\ud83d\ude00 \ud83d"}, "text") == "😀 \ufffd"
