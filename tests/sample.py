"""The sample that `make test` runs: every unit test and kill point, and of the rest one in four.

All of them take a quarter of an hour on two cores and run before anything lands (`.ci/run` sets
MERLIN_REQUIRE_ALL). The sample is the same until MERLIN_SEED says otherwise, and has something of
every file. Whoever names files or tests to pytest gets all of those.
"""

from __future__ import annotations

import os
from collections import defaultdict
from hashlib import sha256

ONE_IN = 4
_WHOLE = ("tests/kill/",)


def is_wanted():
    """Return whether a sample is all that is asked for."""
    return "MERLIN_SAMPLE" in os.environ and os.environ.get("MERLIN_REQUIRE_ALL") != "1"


def seed():
    return os.environ.get("MERLIN_SEED", "0")


def parted(items):
    """Return the tests of the sample and the others, each in their order."""
    costly = defaultdict(list)
    for item in items:
        if item.get_closest_marker("unit") is None and not item.nodeid.startswith(_WHOLE):
            costly[item.nodeid.partition("::")[0]].append(item)
    left_out = set()
    for those in costly.values():
        ordered = sorted(those, key=_dice)
        left_out.update(ordered[-(-len(those) // ONE_IN) :])
    return [each for each in items if each not in left_out], [*left_out]


def _dice(item):
    return sha256(f"{seed()} {item.nodeid}".encode()).digest()
