"""SIGKILL at twenty random points of a job: each must succeed, and end as the unbroken one did.

A tiny base, made on the spot, is tuned by the real engine. In turns the engine itself is killed
(and started again) and the process that trains.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.engine_rig import Rig, engine

KILLS, SEED, SAME = 20, 1, 1e-3
BASE = "tiny"
_CHILD = b"merlin.engine.trainers.lora.trainer"


def run(_: Sequence[str] = ()) -> None:
    """Print the unbroken loss, a row a kill, and whether all ended alike."""
    from tests.engine.tiny_base import LEARNING, planted, tiny_base

    rng = random.Random(SEED)  # noqa: S311 - the same points every time
    models = {BASE: {"path": str(tiny_base())}}
    with tempfile.TemporaryDirectory() as place, engine(models) as rig:
        file = rig.upload(planted(Path(place) / "facts.jsonl"))
        started_at = time.monotonic()
        unbroken = _loss(rig, rig.begin(BASE, file, SEED, LEARNING))
        lasts_s = time.monotonic() - started_at
        print(f"unbroken: loss {unbroken:.6f} after {lasts_s:.1f} s")
        good = 0
        for number in range(KILLS):
            after_s = rng.uniform(0, lasts_s)
            job = rig.begin(BASE, file, SEED, LEARNING)
            victim = _killed(rig, after_s, is_engine=number % 2 == 0)
            loss = _loss(rig, job)
            good += abs(loss - unbroken) <= SAME
            print(f"{victim} killed after {after_s:.1f} s: loss {loss:.6f}", flush=True)
    print(f"{good} of {KILLS} succeeded with a loss within {SAME:g} of the unbroken one")


def _loss(rig: Rig, job: str) -> float:
    rig.ended(job)
    return rig.losses(job)[1]


def _killed(rig: Rig, after_s: float, *, is_engine: bool) -> str:
    """Kill one of the two when it is time; return which it was. A job that has ended has none."""
    time.sleep(after_s)
    if is_engine:
        rig.process.kill()
        rig.process.wait()
        rig.start()
        return "engine"
    for pid in _children(rig.process.pid):
        os.kill(pid, signal.SIGKILL)
        return "child"
    return "nobody"


def _children(parent: int) -> Iterator[int]:
    """Yield the processes that train for an engine."""
    for task in Path("/proc").glob("[0-9]*"):
        try:
            said = (task / "cmdline").read_bytes()
            of = int((task / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended while we looked
        if of == parent and _CHILD in said:
            yield int(task.name)
