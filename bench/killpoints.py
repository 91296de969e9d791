"""Run `merlin demo --check` with a crash at each kill point: one job per build, one answer each."""

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.demo import run_demo
from merlin.sandbox.telegram.world import World
from tests.support.kill_points import POINTS as ALL

# The demo's check makes no edit in Merlin, restores no backup and asks in no group; tests cover it.
UNREACHED = ("change.", "restore.", "placeholder.sent")
POINTS = tuple(point for point in ALL if not point.startswith(UNREACHED))


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
        crash = {"MERLIN_CRASH_AT": point, "MERLIN_CRASH_MARK": str(mark)}
        result = run_demo("--state", str(demo_folder), **crash)
        answers = _count_answers(demo_folder, result)
        has_died = mark.with_name(f"crashed.{point}").exists()
    counts = [result.get("jobs"), result.get("builds")]
    is_good = has_died and result["ok"] and answers == [1, 1] and counts == [4, 4]
    outcome = "ok" if is_good else "FAILED"
    died = "crashed" if has_died else "did not crash"
    print(f"{point}: {outcome}, {died}, jobs and builds {counts}, answers {answers}")
    return is_good


def _count_answers(demo_folder: Path, result: dict[str, Any]) -> list[int]:
    """Return how often each of the two complete answers is in anna's chat without a repeat mark.

    One that is there with a mark alone counts too.
    """
    with closing(World(demo_folder / "stand-ins" / "telegram")) as world:
        texts = [
            str(message.message.get("text", "")).strip()
            for chat in world.messages.values()
            for message in chat.values()
            if message.by_bot
        ]
    asked = [result[key] for key in ("first", "second") if key in result]
    answers = [each["answer"] for each in asked]
    return [
        texts.count(answer) or int(any(text.endswith(answer) for text in texts))
        for answer in answers
    ]
