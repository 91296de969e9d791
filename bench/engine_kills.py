"""SIGKILL at twenty random points of a job: each job must succeed with the same loss.

The real engine tunes a tiny generated base. In turn the engine (which is restarted) and the
training process are killed.
"""

import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from bench.engine_rig import EngineProcess, run_engine

KILLS = 20
SEED = 1
SAME = 1e-3
BASE = "tiny"
TRAINING = "merlin.engine.trainers.lora.worker"


def run(_: Sequence[str] = ()) -> None:
    """Print the loss without a kill, a row for each kill, and the number of equal losses."""
    from tests.engine.tiny_base import LEARNING, get_tiny_base, write_examples

    rng = random.Random(SEED)  # noqa: S311 - the same points every time
    models = {BASE: {"path": str(get_tiny_base())}}
    with tempfile.TemporaryDirectory() as temporary, run_engine(models) as rig:
        file = rig.upload(write_examples(Path(temporary) / "facts.jsonl"))
        started_at = time.monotonic()
        unbroken = train(rig, rig.create_job(BASE, file, SEED, LEARNING))
        duration_s = time.monotonic() - started_at
        print(f"unbroken: loss {unbroken:.6f} after {duration_s:.1f} s")
        equal_count = 0
        for number in range(KILLS):
            after_s = rng.uniform(0, duration_s)
            job = rig.create_job(BASE, file, SEED, LEARNING)
            victim = _kill(rig, after_s, is_engine=number % 2 == 0)
            loss = train(rig, job)
            equal_count += abs(loss - unbroken) <= SAME
            print(f"{victim} killed after {after_s:.1f} s: loss {loss:.6f}", flush=True)
    print(
        f"{equal_count} of {KILLS} succeeded with a loss within {SAME:g} of the unbroken one"
    )


def train(rig: EngineProcess, job: str) -> float:
    """Wait for a job's model and return its loss in the last epoch."""
    rig.wait_for_model(job)
    return rig.losses(job)[1]


def _kill(rig: EngineProcess, after_s: float, *, is_engine: bool) -> str:
    """Wait, kill one of the two processes, and return which; after the job has ended, none."""
    time.sleep(after_s)
    if is_engine:
        rig.process.kill()
        rig.process.wait()
        rig.start()
        return "engine"
    for child in psutil.Process(rig.process.pid).children():
        with suppress(psutil.NoSuchProcess):
            if TRAINING in child.cmdline():
                child.kill()
                return "child"
    return "nobody"
