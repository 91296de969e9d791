"""Forty commits through a storm: a killed daemon, a provider that drops, fails, lags, restarts."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

COMMITS = 40
SEEDS = (1,)


def run() -> None:
    """Print, for each seed, how many jobs were made for the commits, and how often was killed."""
    from tests.e2e.pipeline_storm import weather

    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            started_at = time.monotonic()
            jobs, kills = weather(Path(folder), COMMITS, seed)
            keys = {job["asked"]["metadata"]["merlin_launch"] for job in jobs}
            seconds = time.monotonic() - started_at
            print(
                f"seed {seed}: {COMMITS} commits, {len(jobs)} jobs, {len(keys)} launch keys,"
                f" {kills} SIGKILLs of the daemon, {seconds:.0f} s"
            )
