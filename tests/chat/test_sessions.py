"""How full a model's context window is; titles, and texts of built-in presets."""

import pytest

from merlin.chat.sessions import (
    WindowCounter,
    build_session_title,
    built_in_prompt,
    count_window_tokens,
    estimate_tokens,
    fits_window,
    limit_from_refusal,
)
from merlin.core.errors import ProviderUnknown
from merlin.core.messages import Image, Message
from merlin.openai_protocol.errors import error_of_status
from tests.support.long_conversations import TOO_LONG

pytestmark = pytest.mark.unit

TALK = (Message("user", "я" * 400), Message("assistant", "a" * 400))


def test_conversation_size_is_the_sum_of_its_messages():
    assert count_window_tokens(TALK) == estimate_tokens(TALK[0]) + estimate_tokens(
        TALK[1]
    )
    # Two bytes a Russian letter, four bytes a token, and the frame of a message.
    assert estimate_tokens(TALK[0]) == 204
    # A picture counts as much as the largest one.
    picture = Message("user", "", images=(Image(b"", "image/png"),))
    assert estimate_tokens(picture) == 4 + 85 + 8 * 170


@pytest.mark.parametrize(
    ("used", "is_near", "is_full"),
    [
        (0, False, False),
        (799, False, False),
        (800, True, False),
        (900, True, True),
    ],
)
def test_counter_shows_how_full_a_window_is(used, is_near, is_full):
    window = WindowCounter(used, 1000)
    assert (window.is_near, window.is_full) == (is_near, is_full)


def test_empty_window_is_full():
    assert WindowCounter(0, 0).is_full


def test_room_is_left_for_the_answer():
    assert fits_window(TALK, count_window_tokens(TALK) * 2)
    assert not fits_window(TALK, count_window_tokens(TALK))


def test_limit_is_read_from_the_words_of_a_refusal():
    assert limit_from_refusal("at most 4096 tokens", TALK) == 4096
    assert limit_from_refusal("maximum is 131,072 tokens", TALK) == 131_072
    for status, error, limit in TOO_LONG.values():
        refusal = error_of_status(
            status, {}, error, "/chat/completions", ProviderUnknown
        )
        read = limit_from_refusal(str(refusal), TALK)
        # What no number says is estimated below the size that was sent.
        size = count_window_tokens(TALK)
        assert read == limit if limit else 0 < read < size


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("  Что\nтакое   лоб? ", "Что такое лоб?"),
        ("слово, " * 20, f"{'слово, ' * 5}слово…"),
        ("ы" * 60, f"{'ы' * 48}…"),
    ],
)
def test_title_is_the_beginning_of_the_question_in_whole_words(question, title):
    assert build_session_title(question) == title


def test_translators_languages_stand_in_its_text():
    assert "русский — английский" in built_in_prompt(
        "ru", "translator", "русский — английский"
    )
    assert built_in_prompt("en", "summary") != built_in_prompt("en", "voice")
