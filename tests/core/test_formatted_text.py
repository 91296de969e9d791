"""Lengths and offsets in UTF-16, and a text that has nowhere to be split."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from merlin.core.formatted_text import (
    LIMIT_UNITS,
    Button,
    FormattedMessage,
    join_surrogates,
    plain_parts,
    prepend,
    split,
    utf16_length,
    utf16_offsets,
)

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


def test_word_longer_than_a_message_is_split_within():
    word = "😀" * LIMIT_UNITS
    parts = [part.text for part in split(FormattedMessage(word))]
    assert "".join(parts) == word
    assert max(map(utf16_length, parts)) <= LIMIT_UNITS


RICH = FormattedMessage(
    "формула",
    buttons=((Button("ещё", "more"),),),
    blocks=({"type": "paragraph", "text": "формула"}, {"type": "divider"}),
)


def test_message_with_blocks_is_one_however_long():
    message = replace(RICH, text="слово " * 2000)
    assert split(message) == [message]


def test_plain_form_is_several_messages_with_the_buttons_last():
    parts = plain_parts(replace(RICH, text="слово " * 2000))
    assert [part.buttons for part in parts] == [(), (), (), RICH.buttons]
    assert not any(part.blocks for part in parts)


def test_text_in_front_of_blocks_is_a_paragraph():
    repeated = prepend("↻ ещё раз\n", RICH)
    assert repeated.blocks == (
        {"type": "paragraph", "text": "↻ ещё раз"},
        *RICH.blocks,
    )
    assert repeated.text == "↻ ещё раз\nформула"
    assert prepend("↻", FormattedMessage("a")).blocks == ()
