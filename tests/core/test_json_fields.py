"""Fields of JSON objects that others wrote."""

import pytest

from merlin.core.json_fields import (
    get_integer,
    get_list,
    get_object,
    get_text,
    is_number,
    is_telegram_id,
    parse_json,
    read_json_object,
)

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


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"a": [1]}', {"a": [1]}),
        (b"[1]", {}),
        (b'{"a": ', {}),
        (b"\xff", {}),
        (b"[" * 100_000, {}),
        (None, {}),
    ],
)
def test_file_that_holds_no_object_is_read_as_an_empty_one(tmp_path, content, expected):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    assert read_json_object(path) == expected


def test_half_of_a_surrogate_pair_is_no_json():
    assert parse_json('["\\ud83d\\ude00"]') == ["😀"]
    with pytest.raises(UnicodeEncodeError):
        parse_json('["\\ud83d"]')


@pytest.mark.parametrize(
    ("value", "is_id"),
    [(1, True), (2**52 - 1, True), (2**52, False), (0, False), (True, False)],
)
def test_id_of_a_person_is_a_positive_number_of_52_bits(value, is_id):
    assert is_telegram_id(value) == is_id


@pytest.mark.parametrize(
    ("value", "is_one"),
    [(-1, True), (1e308, True), (10**400, False), (float("nan"), False), ("1", False)],
)
def test_number_is_what_a_float_can_hold(value, is_one):
    assert is_number(value) == is_one
