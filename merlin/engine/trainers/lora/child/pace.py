"""How many threads: as many as are really free, which only a try can tell.

Two threads on two cores beside a busy neighbour may be five times slower than one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def threads(most: int, step: Callable[[], object]) -> int:
    """Return whether `most` threads or one fewer make `step` quicker; it is done three times."""
    if most < 2:  # noqa: PLR2004 - there is nothing to choose
        return 1
    step()
    return min((most, most - 1), key=lambda count: _timed(count, step))


def _timed(count: int, step: Callable[[], object]) -> float:
    torch.set_num_threads(count)
    began = time.perf_counter()
    step()
    return time.perf_counter() - began
