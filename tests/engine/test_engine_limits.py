"""A client's pace, and how it is told."""

from __future__ import annotations

import pytest

from merlin.engine.limits import Bucket, span
from merlin.engine.pages.page import FREE_TRIES, Tries

pytestmark = pytest.mark.unit


def test_a_bucket_fills_again_with_time():
    bucket = Bucket(60, 60, at=0.0)
    assert [bucket.take(0.0) for _ in range(60)] == [0.0] * 60
    assert bucket.take(0.0) == 1.0
    assert bucket.take(1.0) == 0.0
    assert bucket.take(1.5) == 0.5
    assert bucket.take(1000.0) == 0.0
    assert bucket.whole_in_s == 1.0


def test_wrong_keys_are_free_at_first_and_then_each_doubles_the_wait():
    tries, waits = Tries(), []
    for _ in range(FREE_TRIES + 3):
        waits.append(tries.wait_s("here", 0.0))
        tries.wrong("here", 0.0)
    assert waits == [*([0.0] * FREE_TRIES), 1.0, 2.0, 4.0]
    assert (tries.wait_s("here", 8.0), tries.wait_s("elsewhere", 0.0)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0ms"), (0.12, "120ms"), (1, "1s"), (60, "1m0s"), (361, "6m1s"), (7261, "2h1m1s")],
)
def test_a_time_is_written_as_the_protocol_has_it(seconds, told):
    assert span(seconds) == told
