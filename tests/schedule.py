"""How xdist shares the tests out: what makes a whole machine goes first, each to one worker.

The marker xdist_group does the same, but not with pytest 9.2, whose nodes keep their ids
elsewhere (xdist 3.8.0).
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

MACHINES = ("tests/image/test_image_built.py", "tests/systemd/test_systemd_booted.py")
# The tests of each file look at one world, and a second one would cost as much as they do.
WORLDS = (
    "tests/browser/",
    "tests/api/test_api_contract.py",
    "tests/api/test_api_matrix.py",
    "tests/adapters/test_conformance_run.py",
    "tests/engine/test_engine_lora.py",
    "tests/engine/test_library_gguf.py",
    "tests/golden/",
    "tests/upgrade/",
)
# Those of all files of a beginning share torch, loaded in this process, and what it has made.
FAMILIES = ("tests/engine/test_generator_", "tests/engine/test_lora_")


class MachinesFirst(LoadScopeScheduling):
    """A scope with more tests goes before one with fewer, so those of a machine come first."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path.startswith(MACHINES + WORLDS):
            return path
        return next((family for family in FAMILIES if path.startswith(family)), nodeid)
