"""How many threads this process may use: as many as are free now, not as there are cores.

Two threads on two cores, one of them busy with another process, took five times as long as one:
every small operation waits for the slower thread (docs/adr/0017).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import torch

_TRIES = 3


def choose_threads(step: Callable[[], object]) -> int:
    """Set and return the faster of all cores and all but one, by timing a step of each.

    OMP_NUM_THREADS, where it is set, counts.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    if "OMP_NUM_THREADS" not in os.environ and cores > 1:
        fastest = min((cores, cores - 1), key=lambda threads: _least_s(threads, step))
        torch.set_num_threads(fastest)
    return int(torch.get_num_threads())


def _least_s(threads: int, step: Callable[[], object]) -> float:
    torch.set_num_threads(threads)
    return min(_took_s(step) for _ in range(_TRIES))


def _took_s(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began
