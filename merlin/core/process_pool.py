"""Map a function over many items in as many processes as there are processors."""

import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

# Each needs memory for what it imports.
_MAX_PROCESSES = 4
_MIN_ITEMS = 5_000
_CHUNK_SIZE = 50
_PR_SET_PDEATHSIG = 1
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
    time, and only a few chunks are read ahead.
    """
    remaining = iter(items)
    processes = min(os.cpu_count() or 1, _MAX_PROCESSES)
    if processes == 1 or (count is not None and count < _MIN_ITEMS):
        yield from map(function, remaining)
        return
    chunks = iter(lambda: list(islice(remaining, chunk_size)), [])
    context = get_context("spawn")  # this process has threads
    with _safe_path(), ProcessPoolExecutor(processes, context, die_with_parent) as pool:
        pending = deque(
            pool.submit(_map_chunk, function, chunk) for chunk in islice(chunks, 2 * processes)
        )
        while pending:
            results = pending.popleft().result()
            if chunk := next(chunks, None):
                pending.append(pool.submit(_map_chunk, function, chunk))
            yield from results


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


def _map_chunk(function: Callable[[T], R], items: list[T]) -> list[R]:
    return [function(item) for item in items]


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies (Linux); call before exec."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
