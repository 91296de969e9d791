"""Stop texts: no part of one is sent, and no other text is lost."""

import pytest
from hypothesis import given, strategies as st

from merlin.engine.serving.worker import StopFinder

pytestmark = pytest.mark.unit

LETTERS = st.text(alphabet="ab", min_size=1, max_size=4)


def feed_pieces(stops, pieces):
    """Return what is sent after each piece until a stop text, and the rest."""
    guard = StopFinder(stops)
    shown = []
    for piece in pieces:
        shown.append(guard.add(piece))
        if guard.is_found:
            return shown, True
    return [*shown, guard.flush()], False


@given(
    st.lists(LETTERS, max_size=3),
    st.lists(st.text(alphabet="abc", max_size=3), max_size=20),
)
def test_text_is_sent_up_to_the_first_stop(stops, pieces):
    shown, is_met = feed_pieces(stops, pieces)
    text = "".join(pieces)
    sent = ""
    for piece in pieces:
        sent += piece
        if positions := [sent.find(stop) for stop in stops if stop in sent]:
            assert is_met
            assert "".join(shown) == text[: min(positions)]
            return
    assert not is_met
    assert "".join(shown) == text
