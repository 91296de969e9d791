"""The format of durations in rate limit headers."""

import pytest

from merlin.engine.clients import format_duration

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0ms"), (0.12, "120ms"), (1, "1s"), (60, "1m0s"), (361, "6m1s"), (7261, "2h1m1s")],
)
def test_duration_has_the_protocols_format(seconds, expected):
    assert format_duration(seconds) == expected
