"""`merlin demo --check` with a death at every named point: one job a build, one whole answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from merlin.core.killpoint import POINTS as ALL

# Nobody edits through Merlin or restores a backup in the demo's check; tests/kill ends those.
POINTS = tuple(point for point in ALL if not point.startswith(("change.", "restore.")))


def run() -> None:
    """Print a line a point; a process dies there once and is started again by its supervisor."""
    failed = [point for point in POINTS if not _survived(point)]
    print(f"{len(POINTS) - len(failed)} of {len(POINTS)} points survived; failed: {failed}")


def _survived(point: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        place, mark = Path(folder) / "demo", Path(folder) / "crashed"
        done = subprocess.run(
            [sys.executable, "-m", "merlin", "demo", "--check", "--state", str(place)],
            env={
                **os.environ,
                "MERLIN_LANGUAGE": "ru",
                "MERLIN_CRASH_AT": point,
                "MERLIN_CRASH_MARK": str(mark),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        told = json.loads(done.stdout.splitlines()[-1])
        answers, has_died = _whole_answers(place, told), mark.exists()
    good = has_died and told["ok"] and told["jobs"] == told["builds"] == 4 and answers == [1, 1]
    died = mark.name if has_died else ""
    print(
        f"{point}: {'ok' if good else 'FAILED'}, jobs {told.get('jobs')}, answers {answers} {died}"
    )
    return bool(good)


def _whole_answers(place: Path, values: dict[str, dict[str, str]]) -> list[int]:
    """Return how often each of the two whole answers stands in anna's chat."""
    from merlin.sandbox.telegram.world import World

    world = World(place / "stand-ins" / "telegram")
    try:
        texts = [
            str(one.message.get("text", "")).strip()
            for chat in world.messages.values()
            for one in chat.values()
            if one.by_bot and not one.deleted_at
        ]
    finally:
        world.close()
    return [texts.count(values[key]["answer"]) for key in ("first", "second") if key in values]
