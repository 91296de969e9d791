"""Pack the state folder of an earlier version, which `test_upgrade.py` opens with this one.

To be run in a checkout of that version, with these files of today's laid over it:

    git worktree add /tmp/before VERSION
    cp -r tests/golden tests/upgrade tests/support /tmp/before/tests/
    cd /tmp/before && python -m tests.upgrade.make_state PATH/TO/state.tar.xz
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.golden.full_installation import live, make_pipeline, outside, running
from tests.support.frozen_day import fixed_day
from tests.support.waiting import wait_until
from tests.upgrade.old_state import (
    CAME_LATER,
    HELD,
    OWN,
    UNDER_WAY,
    count,
    lab_with_engine,
    ticked_until,
)

_ASKED = "SELECT COUNT(*) FROM turn WHERE placeholder_id IS NOT NULL AND written_at IS NULL"
# Hooks are samples of git's; a mirror is made anew; logs are of the old processes.
_LEFT_OUT = ("hooks", "mirror", "heartbeat")


def make(folder):
    """Let everything happen in a folder, and write down what people hold of it."""
    with (
        fixed_day() as by,
        outside(folder, os.environ) as around,
        lab_with_engine(folder, around, os.environ, by) as lab,
    ):
        make_pipeline(lab, around.provider)
        with running(lab, around, by) as house:
            live(house)
            lab.repository.dataset("own", count=14, recipe=OWN)
            lab.repository.commit("Add another dataset")
            ticked_until(lab, "own", "own-1")
            around.provider.behave(states=["running"] * 2)
            lab.repository.example("trial", 30)
            lab.repository.commit("Explain 30")
            lab.tick("fetch", "launch")
            _leave_messages(house)
            held = {
                "key": house.key,
                "orders": house.orders,
                "changes": house.changes,
                "requests": house.requests,
                "cookies": {name: dict(one.cookies) for name, one in house.browsers.items()},
            }
    (folder / HELD).write_text(json.dumps(held), "utf-8")


def _leave_messages(house):
    house.provider.behave(think_s=600.0)
    house.telegram.say("anna", UNDER_WAY[0])
    wait_until(lambda: count(house.lab.folder, _ASKED))
    house.processes["bot"].kill()
    house.processes["bot"].join()
    house.telegram.say("anna", CAME_LATER[0])


def pack(folder, path):
    """Pack what is kept of a folder."""

    def kept(member):
        parts = Path(member.name).parts
        is_left_out = member.name.endswith(".log") or any(name in parts for name in _LEFT_OUT)
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return None if is_left_out else member

    with tarfile.open(path, "w:xz", preset=9) as packed:
        packed.add(folder, ".", filter=kept)


def main() -> int:
    """Make the folder and pack it; return the exit code."""
    os.environ |= {f"GIT_{role}_NAME": "boris" for role in ("AUTHOR", "COMMITTER")}
    os.environ |= {f"GIT_{role}_EMAIL": "boris@example.com" for role in ("AUTHOR", "COMMITTER")}
    with tempfile.TemporaryDirectory() as name:
        make(Path(name))
        pack(Path(name), Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
