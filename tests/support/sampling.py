"""Which tests a run has.

`make test`: a sample, all unit tests and kill points and one in sixteen of the rest. It stays the
same unless MERLIN_SEED changes, and adding or removing a test does not affect the others.
`.ci/run` (MERLIN_REQUIRE_ALL=1): every test but those of weekly parts whose inputs are the same.
`make weekly` (MERLIN_WEEKLY): the tests of a part alone.
pytest on its own runs what it is given, except tests of real programs, which install these: they
run where `tests/real` is named.
"""

import os
from hashlib import sha256

from tests import weekly

ONE_IN = 16
_WHOLE = ("tests/kill/",)


def is_wanted():
    """Return whether only a sample was requested."""
    return "MERLIN_SAMPLE" in os.environ and not is_complete()


def is_complete():
    """Return whether every test was requested."""
    return os.environ.get("MERLIN_REQUIRE_ALL") == "1"


def seed():
    return os.environ.get("MERLIN_SEED", "0")


def split_items(config, items):
    """Return the tests that run and the others, each in their order."""
    chosen = []
    left_out = []
    is_chosen = _make_filter(config)
    for item in items:
        (chosen if is_chosen(item) else left_out).append(item)
    return chosen, left_out


def _make_filter(config):
    if weekly.ONLY:
        return lambda item: weekly.find_part(item) == weekly.ONLY
    parts = {None, *weekly.find_wanted(is_wanted(), is_complete())}
    may_install = is_complete() or any("tests/real" in arg for arg in config.args)

    def is_chosen(item):
        if weekly.find_part(item) not in parts:
            return False
        if item.get_closest_marker("real") and not may_install:
            return False
        return not is_wanted() or _is_of_sample(item)

    return is_chosen


def _is_of_sample(item):
    always_runs = (
        item.nodeid.startswith(_WHOLE) or item.get_closest_marker("unit") is not None
    )
    hash_value = int(sha256(f"{seed()} {item.nodeid}".encode()).hexdigest(), 16)
    return always_runs or hash_value % ONE_IN == 0
