"""Lives of the pipeline, each from its seed: `python -m bench simulation [--seeds 10000]`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

# So many lives are told of together.
EACH = 500


def run(words: Sequence[str] = ()) -> None:
    """Print how many lives ended well, and a line for each that did not. Ends with 1 for one."""
    options = argparse.ArgumentParser(prog="python -m bench simulation")
    options.add_argument("--seeds", type=int, default=10_000)
    options.add_argument("--first", type=int, default=0)
    args = options.parse_args(words)
    seeds = range(args.first, args.first + args.seeds)
    started_at, faults = time.monotonic(), []
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for count, line in enumerate(pool.map(lived, seeds), 1):
            faults += [line] if line else []
            if count % EACH == 0 or count == len(seeds):
                took_s = time.monotonic() - started_at
                print(f"{count} seeds: {len(faults)} faults, {took_s:.0f} s", flush=True)
    if faults:
        sys.exit("\n".join(faults))


def lived(seed: int) -> str:
    """Live one life; return what was wrong with it, "" for nothing."""
    from merlin.core.log import set_up_logging
    from tests.e2e.pipeline_simulation import live

    set_up_logging("bench", quiet=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            live(Path(folder), seed)
        except Exception as error:  # noqa: BLE001 - told with its seed
            return f"seed {seed}: {error!r}"
    return ""
