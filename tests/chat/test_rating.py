"""Ratings as pure rules: presses and reactions."""

import pytest

from merlin.chat.feedback import Rating, rating_from_reactions

pytestmark = pytest.mark.unit

UP, DOWN = Rating.UP, Rating.DOWN


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
    assert rating_from_reactions(emojis) is rating
