"""How full a model's window is, and who knows how large it is."""

from __future__ import annotations

import pytest

from merlin.chat.window import (
    CAUTIOUS_TOKENS,
    Fill,
    Gauge,
    estimate,
    fits,
    limit_of,
    size,
    told_limit,
)
from merlin.core.messages import Message

pytestmark = pytest.mark.unit

TALK = (Message("user", "я" * 400), Message("assistant", "a" * 400))


def test_a_talk_is_as_large_as_its_messages():
    assert size(TALK) == estimate(TALK[0]) + estimate(TALK[1])
    # Two bytes a Russian letter, four bytes a token, and the frame of a message.
    assert estimate(TALK[0]) == 204


@pytest.mark.parametrize(
    ("used", "fill"), [(0, Fill.FREE), (799, Fill.FREE), (800, Fill.NEAR), (900, Fill.FULL)]
)
def test_a_gauge_says_how_full_a_window_is(used, fill):
    assert Gauge(used, 1000).fill is fill


def test_a_window_of_nothing_is_full():
    assert Gauge(0, 0).fill is Fill.FULL


def test_room_is_left_for_the_answer():
    assert fits(TALK, size(TALK) * 2)
    assert not fits(TALK, size(TALK))


def test_the_provider_knows_best_then_the_configuration_then_caution():
    known = {"base": 4096}
    assert limit_of(1000, known, ("tuned", "base")) == 1000
    assert limit_of(None, known, ("tuned", "base")) == 4096
    assert limit_of(None, known, ("other", "")) == CAUTIOUS_TOKENS
    assert limit_of(None, known, ("tuned", "base"), cap=100) == 100
    assert limit_of(50, known, ("tuned", "base"), cap=100) == 50


def test_a_refusal_tells_the_limit_or_less_than_was_sent():
    said = "This model's maximum context length is 2048 tokens, however you requested 5000 tokens"
    assert told_limit(said, TALK) == 2048
    assert 0 < told_limit("too long", TALK) < size(TALK)
