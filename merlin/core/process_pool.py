"""One function over many items, in as many processes as there are processors.

A process is a fresh interpreter that reads its work from a pipe and writes the results into
another. So it ends with the one that started it, however that one ends; none is forked from a
process with threads; and none imports from the folder that a command is called in, as those of
`multiprocessing` do. Where a process cannot be had, or dies, its work is done here.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from itertools import islice
from typing import IO, Any, TypeVar, cast

# Each takes the memory of what it imports.
_MAX_PROCESSES = 4
_MANY = 5_000
_CHUNK = 50
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1:];"
    "from merlin.core.process_pool import serve; serve(sys.stdin.buffer, sys.stdout.buffer)"
)
T = TypeVar("T")
R = TypeVar("R")


def map_many(
    function: Callable[[T], R],
    items: Iterable[T],
    count: int | None = None,
    *,
    at_once: int = _CHUNK,
) -> Iterator[R]:
    """Yield what the function returns for each item, in order. Raises what either of them raises.

    Where the `count` of items is known and done sooner than processes start, all is done here. The
    function is found by its module and name; items and results are pickled, so many `at_once`. The
    processes start when the first result is wanted, which takes a tenth of a second.
    """
    left = iter(items)
    if count is not None and count < _MANY:
        yield from map(function, left)
        return
    chunks = iter(lambda: list(islice(left, at_once)), [])
    with ExitStack() as stack:
        workers = (stack.enter_context(closing(_Worker(function))) for _ in range(_processes()))
        at_work: deque[tuple[_Worker, list[T]]] = deque()
        for worker, chunk in zip([*workers], chunks, strict=False):
            worker.begin(chunk)
            at_work.append((worker, chunk))
        while at_work:
            worker, chunk = at_work.popleft()
            results = worker.results()
            if following := next(chunks, None):
                worker.begin(following)
                at_work.append((worker, following))
            yield from map(function, chunk) if results is None else results
    yield from map(function, left)


def _processes() -> int:
    """Return how many are of use: none beside this one where there is one processor."""
    has_affinity = hasattr(os, "sched_getaffinity")  # Linux alone
    processors = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return min(processors, _MAX_PROCESSES) if processors > 1 else 0


class _Worker:
    """A process that has one chunk at a time; one that cannot be started has no results."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError):
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-c", _PROGRAM, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C in a terminal is not for it
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # there are several of them
            )
        self.begin(function)

    def begin(self, work: object) -> None:
        """Hand on what is to be done next."""
        if self._process is not None:
            with suppress(OSError):  # it is dead, which the missing results tell
                stream = cast("IO[bytes]", self._process.stdin)
                pickle.dump(work, stream)
                stream.flush()

    def results(self) -> list[Any] | None:
        """Return what came of the chunk, None where the process died of it or before."""
        if self._process is None:
            return None
        try:
            results: list[Any] = pickle.load(cast("IO[bytes]", self._process.stdout))  # noqa: S301
        except (EOFError, pickle.UnpicklingError):
            return None
        return results

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            with suppress(OSError), self._process:
                pass


def serve(source: IO[bytes], sink: IO[bytes]) -> None:
    """Do the work that comes until none comes: first the function, then chunk after chunk."""
    gc.disable()  # it ends with the work, and looking for garbage takes a twelfth of the time
    with suppress(EOFError, OSError):
        function = pickle.load(source)  # noqa: S301 - by the process that started this one
        while True:
            pickle.dump([function(each) for each in pickle.load(source)], sink)  # noqa: S301
            sink.flush()
