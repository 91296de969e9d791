"""Run `merlin demo --check` with a crash at each kill point: one job per build, one answer each."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.kill_points import POINTS as ALL

# The demo's check makes no edit in Merlin and restores no backup; tests/kill covers those points.
POINTS = tuple(point for point in ALL if not point.startswith(("change.", "restore.")))


def run() -> None:
    """Print a line for each point, where a process crashes once and its supervisor restarts it."""
    failed = [point for point in POINTS if not _survives(point)]
    print(
        f"{len(POINTS) - len(failed)} of {len(POINTS)} points survived; failed: {failed}"
    )


def _survives(point: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        demo_folder = Path(folder) / "demo"
        mark = Path(folder) / "crashed"
        process = subprocess.run(
            [
                sys.executable,
                "-m",
                "merlin",
                "demo",
                "--check",
                "--state",
                str(demo_folder),
            ],
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
        result = json.loads(process.stdout.splitlines()[-1])
        answers = _count_answers(demo_folder, result)
        has_died = mark.with_name(f"crashed.{point}").exists()
    is_good = bool(has_died and result["ok"] and answers == [1, 1])
    is_good = is_good and result["jobs"] == result["builds"] == 4
    print(
        f"{point}: {'ok' if is_good else 'FAILED'}, jobs {result.get('jobs')}, answers {answers}"
        f" {'crashed' if has_died else ''}"
    )
    return is_good


def _count_answers(demo_folder: Path, result: dict[str, dict[str, str]]) -> list[int]:
    """Return how often each of the two complete answers is in anna's chat."""
    from merlin.sandbox.telegram.world import World

    world = World(demo_folder / "stand-ins" / "telegram")
    try:
        texts = [
            str(message.message.get("text", "")).strip()
            for chat in world.messages.values()
            for message in chat.values()
            if message.by_bot
        ]
    finally:
        world.close()
    return [
        texts.count(result[key]["answer"])
        for key in ("first", "second")
        if key in result
    ]
