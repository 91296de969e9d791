"""Lengths and offsets in UTF-16."""

import pytest
from hypothesis import given, strategies as st

from merlin.core.formatted_text import join_surrogates, utf16_length, utf16_offsets

pytestmark = pytest.mark.unit


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_length_equals_that_of_the_utf_16_text(text):
    assert utf16_length(text) == len(text.encode("utf-16-le")) // 2


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_offsets_are_where_each_character_begins(text):
    offsets = utf16_offsets(text)
    assert list(offsets) == [
        utf16_length(text[:index]) for index in range(len(text) + 1)
    ]


def test_lone_surrogate_counts_as_one():
    assert utf16_length("\ud800a") == 2


def test_surrogate_pairs_are_joined_and_lone_ones_replaced():
    assert join_surrogates("а\ud83d\ude00б") == "а😀б"
    assert join_surrogates("\ude00пол \ud83d") == "\ufffdпол \ufffd"
    assert join_surrogates("целый 😀") == "целый 😀"
