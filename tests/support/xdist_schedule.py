"""How xdist shares the tests out: each file to one worker, the long ones first.

The tests of a file look at one world (a site, an engine, a browser), and a second one would cost
as much as they do. The marker xdist_group does the same, but not with pytest 9.2, whose nodes keep
their ids elsewhere (xdist 3.8.0).
"""

from __future__ import annotations

from collections import Counter

from xdist.scheduler import LoadScopeScheduling

# Whole machines, then what starts processes: what a worker gets last is short.
FIRST = (
    *("tests/image/test_built.py", "tests/systemd/test_booted.py"),
    *("tests/engine/test_generator_", "tests/engine/test_lora_"),
    *(
        "tests/kill/",
        "tests/e2e/",
        "tests/upgrade/",
        "tests/golden/",
        "tests/deploy/test_compose.py",
    ),
    *("tests/engine/", "tests/browser/", "tests/bot/"),
)
# Those of all files of a beginning share torch, loaded in this process, and what it has made.
FAMILIES = ("tests/engine/test_generator_", "tests/engine/test_lora_")


class LongFilesFirst(LoadScopeScheduling):
    """Gives each worker a file at a time."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((family for family in FAMILIES if path.startswith(family)), path)


def long_first(items):
    """Return the tests by files, in the order in which these begin."""
    paths = [item.nodeid.partition("::")[0] for item in items]
    lengths = Counter(paths)

    def key(pair):
        path = pair[0]
        places = (place for place, first in enumerate(FIRST) if path.startswith(first))
        return next(places, len(FIRST)), -lengths[path], path

    return [item for _, item in sorted(zip(paths, items, strict=True), key=key)]
