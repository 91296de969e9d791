"""What differs between two texts, word by word."""

import pytest

from merlin.core.word_difference import MAX_PARTS, merge_words
from tests.support.naughty_strings import STRINGS

pytestmark = pytest.mark.unit


def test_compared_texts_can_be_rebuilt_from_the_parts():
    for text in STRINGS:
        for old, new in ((text, "слово за словом"), ("", text), (text, text)):
            one = list(merge_words(old, new))
            assert "".join(part for part, kind in one if kind != "ins") == old
            assert "".join(part for part, kind in one if kind != "del") == new
        assert [kind for _, kind in merge_words(text, text) if kind != "same"] == []


def test_long_texts_are_compared_by_lines_and_the_longest_as_a_whole():
    lines = [f"строка {number}\n" for number in range(MAX_PARTS // 2)]
    first, last = "начало\n", "конец\n"
    parts = list(merge_words("".join(lines), "".join([first, *lines[1:-1], last])))
    assert [part for part, kind in parts if kind == "del"] == [lines[0], lines[-1]]
    assert [part for part, kind in parts if kind == "ins"] == [first, last]
    whole = ".\n" * (MAX_PARTS + 1)
    other = f"!{whole}!"
    assert list(merge_words(whole, other)) == [(whole, "del"), (other, "ins")]


def test_only_what_lies_between_the_first_and_the_last_change_of_a_long_text_counts():
    start, end = ("слово " * MAX_PARTS for _ in range(2))
    parts = list(merge_words(f"{start}было; {end}", f"{start}стало; {end}"))
    assert parts == [(start, "same"), ("было", "del"), ("стало", "ins"), (f"; {end}", "same")]


def test_texts_with_many_short_matches_are_compared_as_a_whole():
    """Each sign in common is a match of its own: the time would grow with their cube."""
    old, new = (
        "".join(f"{chr(base + place)}{chr(0x2190 + place % 100)}" for place in range(2000))
        for base in (0x4E00, 0x5E00)
    )
    old, new = f"{old}old", f"{new}new"
    assert list(merge_words(old, new)) == [(old, "del"), (new, "ins")]
