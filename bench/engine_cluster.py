"""SIGKILL of one of two Ray workers at random points of a job: it must succeed with the same loss.

The real engine starts a local cluster and tunes a tiny generated base.
"""

import random
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from bench.engine_kills import BASE, SAME, SEED, train
from bench.engine_rig import EngineProcess, run_engine

KILLS, MAX_WAIT_S, POLL_S = 5, 3.0, 0.1
_WORKER = "ray::RayTrainWorker"


def run() -> None:
    """Print the loss without a kill, a row for each kill, and the number of equal losses."""
    from tests.engine.tiny_base import LEARNING, get_tiny_base, write_examples

    rng = random.Random(SEED)  # noqa: S311 - the same waits every time
    models = {BASE: {"path": str(get_tiny_base())}}
    with (
        tempfile.TemporaryDirectory() as temporary,
        run_engine(models, {"cluster": "local", "workers": 2}) as rig,
    ):
        file = rig.upload(write_examples(Path(temporary) / "facts.jsonl"))
        unbroken = train(rig, rig.create_job(BASE, file, SEED, LEARNING))
        print(f"unbroken: loss {unbroken:.6f}", flush=True)
        equal_count = 0
        for _ in range(KILLS):
            job = rig.create_job(BASE, file, SEED, LEARNING)
            workers = _wait_for_workers(rig)
            wait_s = rng.uniform(0, MAX_WAIT_S)
            time.sleep(wait_s)
            rng.choice(workers).kill()
            loss = train(rig, job)
            equal_count += abs(loss - unbroken) <= SAME
            print(f"killed {wait_s:.1f} s after its start: loss {loss:.6f}", flush=True)
    print(f"{equal_count} of {KILLS} succeeded with a loss within {SAME:g} of the unbroken one")


def _wait_for_workers(rig: EngineProcess) -> list[psutil.Process]:
    """Return the two workers as soon as both run."""
    engine = psutil.Process(rig.process.pid)
    while True:
        workers = []
        for child in engine.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                workers += [child] if _WORKER in " ".join(child.cmdline()) else []
        if len(workers) > 1:
            return workers
        time.sleep(POLL_S)
