"""Map a function over many items in as many processes as there are processors."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

# Each needs memory for what it imports.
_MAX_PROCESSES = 4
_MIN_ITEMS = 5_000
_CHUNK_SIZE = 50
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_SAFE_PATH = "PYTHONSAFEPATH"
T = TypeVar("T")
R = TypeVar("R")


def map_many(
    function: Callable[[T], R],
    items: Iterable[T],
    count: int | None = None,
    *,
    chunk_size: int = _CHUNK_SIZE,
) -> Iterator[R]:
    """Yield `function(item)` for each item, in order. Raises what the function or iterator raises.

    If `count` is known and too small to repay starting processes, everything runs in this process.
    The function is found by its module and name; items and results are pickled, `chunk_size` at a
    time; all items are read ahead.
    """
    processes = min(os.cpu_count() or 1, _MAX_PROCESSES)
    if processes == 1 or (count is not None and count < _MIN_ITEMS):
        yield from map(function, items)
        return
    context = get_context("spawn")  # this process has threads
    with _safe_path(), ProcessPoolExecutor(processes, context, die_with_parent) as pool:
        yield from pool.map(function, items, chunksize=chunk_size)


@contextmanager
def _safe_path() -> Iterator[None]:
    """Keep workers from importing what lies here: a folder may have its own multiprocessing.py."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies (Linux); call before exec."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
