"""Simulate the pipeline with random faults, per seed: `python -m bench simulation [--seeds N]`."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

# A line is printed after this number of seeds.
REPORT_EVERY = 500


def run(arguments: Sequence[str] = ()) -> None:
    """Print the number of faults, and a line for each failed seed; exit with 1 if any failed."""
    options = argparse.ArgumentParser(prog="python -m bench simulation")
    options.add_argument("--seeds", type=int, default=10_000)
    args = options.parse_args(arguments)
    seeds = range(args.seeds)
    started_at = time.monotonic()
    faults = []
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for count, line in enumerate(pool.map(run_seed, seeds), 1):
            faults += [line] if line else []
            if count % REPORT_EVERY == 0 or count == len(seeds):
                took_s = time.monotonic() - started_at
                print(
                    f"{count} seeds: {len(faults)} faults, {took_s:.0f} s", flush=True
                )
    if faults:
        sys.exit("\n".join(faults))


def run_seed(seed: int) -> str:
    """Run the simulation of one seed; return the fault, "" for none."""
    from merlin.core.log import set_up_logging
    from tests.e2e.pipeline_simulation import simulate

    set_up_logging("bench", quiet=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            simulate(Path(folder), seed)
        except Exception as error:  # noqa: BLE001 - told with its seed
            return f"seed {seed}: {error!r}"
    return ""
