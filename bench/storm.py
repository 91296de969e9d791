"""Forty commits while the daemon is killed, and the provider drops, fails, lags and restarts."""

import tempfile
import time
from pathlib import Path

COMMITS = 40
SEEDS = (1,)


def run() -> None:
    """Print for each seed the number of jobs, launch keys and kills."""
    from tests.e2e.pipeline_storm import run_storm

    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            started_at = time.monotonic()
            jobs, kills = run_storm(Path(folder), COMMITS, seed)
            keys = {job["asked"]["metadata"]["merlin_launch"] for job in jobs}
            seconds = time.monotonic() - started_at
            print(
                f"seed {seed}: {COMMITS} commits, {len(jobs)} jobs, {len(keys)} launch keys,"
                f" {kills} SIGKILLs of the daemon, {seconds:.0f} s"
            )
