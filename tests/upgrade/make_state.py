"""Pack the state folder of an earlier version, which `test_upgrade.py` opens with this one.

Run it in a checkout of that version, with the current test files copied over it:

    git worktree add /tmp/before VERSION
    cp -r tests/golden tests/upgrade tests/support /tmp/before/tests/
    cd /tmp/before && python -m tests.upgrade.make_state PATH/TO/state.tar.xz
"""

import json
import os
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.golden.full_installation import (
    act_as_people,
    make_pipeline,
    run_bot_and_api,
    run_stand_ins,
)
from tests.support.ending import kill
from tests.support.frozen_day import fixed_day
from tests.support.waiting import wait_until
from tests.upgrade.old_state import (
    ENGINE_RECIPE,
    LATER_MESSAGE,
    PENDING_MESSAGE,
    USER_DATA,
    count,
    run_lab_with_engine,
    tick_until,
)

_UNANSWERED_TURNS = (
    "SELECT COUNT(*) FROM turn WHERE placeholder_id IS NOT NULL AND written_at IS NULL"
)
# Sample hooks of git; mirrors and heartbeats are recreated.
_LEFT_OUT = ("hooks", "mirror", "heartbeat")


def make_installation(folder):
    """Make an installation in a folder; store the keys, ids and cookies of its users."""
    with (
        fixed_day() as by,
        run_stand_ins(folder, os.environ) as stand_ins,
        run_lab_with_engine(folder, stand_ins, os.environ, by) as lab,
    ):
        make_pipeline(lab, stand_ins.provider)
        with run_bot_and_api(lab, stand_ins, by) as installation:
            act_as_people(installation)
            lab.repository.commit_dataset(
                "own", count=14, recipe=ENGINE_RECIPE, subject="Add another dataset"
            )
            tick_until(lab, "own", "own-1")
            stand_ins.provider.behave(states=["running"] * 2)
            lab.repository.commit_example("trial", 30, subject="Explain 30")
            lab.tick("fetch", "launch")
            _leave_unanswered_messages(installation)
            user_data = {
                "key": installation.key,
                "orders": installation.orders,
                "changes": installation.changes,
                "requests": installation.requests,
                "cookies": {
                    name: dict(browser.cookies)
                    for name, browser in installation.browsers.items()
                },
            }
    (folder / USER_DATA).write_text(json.dumps(user_data), "utf-8")


def _leave_unanswered_messages(installation):
    installation.provider.behave(think_s=600.0)
    installation.telegram.say("anna", PENDING_MESSAGE[0])
    wait_until(lambda: count(installation.lab.folder, _UNANSWERED_TURNS))
    kill(installation.processes["bot"])
    installation.telegram.say("anna", LATER_MESSAGE[0])


def pack_folder(folder, path):
    """Pack a folder without logs and files that are recreated."""

    def select_member(member):
        parts = Path(member.name).parts
        is_left_out = member.name.endswith(".log") or any(
            name in parts for name in _LEFT_OUT
        )
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return None if is_left_out else member

    with tarfile.open(path, "w:xz", preset=9) as archive:
        archive.add(folder, ".", filter=select_member)


def main() -> int:
    """Make the folder and pack it; return the exit code."""
    os.environ |= {f"GIT_{role}_NAME": "boris" for role in ("AUTHOR", "COMMITTER")}
    os.environ |= {
        f"GIT_{role}_EMAIL": "boris@example.com" for role in ("AUTHOR", "COMMITTER")
    }
    with tempfile.TemporaryDirectory() as name:
        make_installation(Path(name))
        pack_folder(Path(name), Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
