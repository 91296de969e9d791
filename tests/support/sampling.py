"""The sample that `make test` runs: all unit tests and kill points, and one in sixteen of the rest.

The whole suite takes a quarter of an hour on two cores and runs before anything lands (`.ci/run`
sets MERLIN_REQUIRE_ALL). The sample stays the same unless MERLIN_SEED changes, and adding or
removing a test does not affect the others. pytest on its own runs everything it is given, except
tests of real programs, which install them: they run where `tests/real` is named, and the quick
ones with MERLIN_REQUIRE_ALL=1.
"""

import os
from hashlib import sha256

ONE_IN = 16
_WHOLE = ("tests/kill/",)


def is_wanted():
    """Return whether only a sample was requested."""
    return "MERLIN_SAMPLE" in os.environ and os.environ.get("MERLIN_REQUIRE_ALL") != "1"


def seed():
    return os.environ.get("MERLIN_SEED", "0")


def split_items(items):
    """Return the tests of the sample and the others, each in their order."""
    chosen = []
    left_out = []
    for item in items:
        (chosen if _is_chosen(item) else left_out).append(item)
    return chosen, left_out


def leave_out_real(config, items):
    """Remove the tests of real programs that are not wanted; return them."""
    if any("tests/real" in str(argument) for argument in config.args):
        return []
    left_out = [item for item in items if not _is_wanted_real(item)]
    items[:] = [item for item in items if _is_wanted_real(item)]
    return left_out


def _is_wanted_real(item):
    marker = item.get_closest_marker("real")
    if marker is None:
        return True
    from tests.real.programs import PROGRAMS

    return (
        os.environ.get("MERLIN_REQUIRE_ALL") == "1"
        and PROGRAMS[marker.args[0]].is_quick
    )


def _is_chosen(item):
    always_runs = (
        item.nodeid.startswith(_WHOLE) or item.get_closest_marker("unit") is not None
    )
    hash_value = int(sha256(f"{seed()} {item.nodeid}".encode()).hexdigest(), 16)
    return always_runs or hash_value % ONE_IN == 0
