"""The nearest of known names; what a valid name is: tests/dataset/test_layout_names.py."""

import pytest

from merlin.core.names import find_nearest

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("word", "nearest"),
    [("questoin", "question"), ("tag", "tags"), ("images", ""), ("", "")],
)
def test_only_a_similar_name_is_offered_for_a_misspelt_one(word, nearest):
    assert find_nearest(word, ["question", "answer", "tags"]) == nearest
