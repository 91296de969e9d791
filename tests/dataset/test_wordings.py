"""Wordings that are proposed to an editor."""

import pytest

from merlin.dataset.wordings import propose_by_frames

pytestmark = pytest.mark.unit


def test_wordings_are_proposed_by_the_frames_of_the_language():
    assert propose_by_frames("Is there a sauna?", "en") == (
        "Do you have a sauna?",
        "Have you got a sauna?",
    )
    assert propose_by_frames("Is there a sauna?", "ru") == ()
