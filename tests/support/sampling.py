"""The sample that `make test` runs: every unit test and kill point, of the rest one in eight.

All of them take a quarter of an hour on two cores and run before anything lands (`.ci/run` sets
MERLIN_REQUIRE_ALL). The sample is the same until MERLIN_SEED says otherwise, and a test that is
added or removed changes nothing for the others. pytest alone runs all that it is given.
"""

from __future__ import annotations

import os
from hashlib import sha256

ONE_IN = 8
_WHOLE = ("tests/kill/",)


def is_wanted():
    """Return whether a sample is all that is asked for."""
    return "MERLIN_SAMPLE" in os.environ and os.environ.get("MERLIN_REQUIRE_ALL") != "1"


def seed():
    return os.environ.get("MERLIN_SEED", "0")


def parted(items):
    """Return the tests of the sample and the others, each in their order."""
    chosen, left_out = [], []
    for item in items:
        (chosen if _is_chosen(item) else left_out).append(item)
    return chosen, left_out


def _is_chosen(item):
    is_whole = item.nodeid.startswith(_WHOLE) or item.get_closest_marker("unit") is not None
    drawn = int(sha256(f"{seed()} {item.nodeid}".encode()).hexdigest(), 16)
    return is_whole or drawn % ONE_IN == 0
