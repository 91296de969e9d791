"""Ratings as pure rules: presses and reactions."""

from __future__ import annotations

import pytest

from merlin.chat.feedback import Rating, after_press, of_reactions, rating_of

pytestmark = pytest.mark.unit

UP, DOWN = Rating.UP, Rating.DOWN


def test_the_same_press_takes_back_and_another_one_replaces():
    assert after_press(None, UP) is UP
    assert after_press(UP, UP) is None
    assert after_press(UP, DOWN) is DOWN


@pytest.mark.parametrize(
    ("emojis", "rating"),
    [
        ([], None),
        (["👍"], UP),
        (["👎"], DOWN),
        (["🔥"], None),
        (["👍🏽"], UP),
        (["👍", "👎"], DOWN),
    ],
)
def test_thumbs_among_reactions_are_ratings(emojis, rating):
    assert of_reactions(emojis) is rating


def test_a_word_that_is_no_rating_is_none():
    assert [rating_of(word) for word in ("up", "down", "", "UP", "left")] == [UP, DOWN, *[None] * 3]
