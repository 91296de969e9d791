"""How xdist shares the tests out: what makes a whole machine goes first, each to one worker.

The marker xdist_group does the same, but not with pytest 9.2, whose nodes keep their ids
elsewhere (xdist 3.8.0).
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

MACHINES = ("tests/image/test_image_built.py", "tests/systemd/test_systemd_booted.py")
# Their tests look at one world, and a second one would cost as much as they do.
WORLDS = (
    "tests/api/test_api_contract.py",
    "tests/api/test_api_matrix.py",
    "tests/adapters/test_conformance_run.py",
    "tests/engine/test_engine_lora.py",
    "tests/engine/test_generator_answers.py",
    "tests/engine/test_generator_process.py",
    "tests/engine/test_lora_kills.py",
    "tests/engine/test_lora_learning.py",
)


class MachinesFirst(LoadScopeScheduling):
    """A scope with more tests goes before one with fewer, so those of a machine come first."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return path if path in MACHINES + WORLDS else nodeid
