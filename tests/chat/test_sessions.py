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
from merlin.core.messages import Image, Message

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


def test_limit_is_read_from_a_refusal_or_estimated_below_the_sent_size():
    refusal = (
        "This model's maximum context length is 2048 tokens,"
        " however you requested 5000 tokens"
    )
    assert limit_from_refusal(refusal, TALK) == 2048
    assert limit_from_refusal(refusal.replace("2048", "131,072"), TALK) == 131_072
    sent_first = "request (1631 tokens) exceeds the available context size (512 tokens)"
    assert limit_from_refusal(sent_first, TALK) == 512
    assert limit_from_refusal("at most 4096 tokens", TALK) == 4096
    assert 0 < limit_from_refusal("too long", TALK) < count_window_tokens(TALK)


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
