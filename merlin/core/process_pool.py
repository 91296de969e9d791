"""Map a function over many items in as many processes as there are processors.

A worker is a fresh interpreter that reads its work from a pipe and writes results to another. So it
ends with its parent, however the parent ends; nothing is forked from a process with threads; and,
unlike with `multiprocessing`, nothing is imported from the current directory. If a worker cannot be
started or dies, its work is done in this process.
"""

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

# Each needs memory for what it imports.
_MAX_PROCESSES = 4
_MIN_ITEMS = 5_000
_CHUNK_SIZE = 50
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
    chunk_size: int = _CHUNK_SIZE,
) -> Iterator[R]:
    """Yield `function(item)` for each item, in order. Raises what the function or iterator raises.

    If `count` is known and too small to repay starting processes, everything runs in this process.
    The function is found by its module and name; items and results are pickled, `chunk_size` at a
    time. Processes start when the first result is requested, which takes a tenth of a second.
    """
    remaining = iter(items)
    if count is not None and count < _MIN_ITEMS:
        yield from map(function, remaining)
        return
    chunks = iter(lambda: list(islice(remaining, chunk_size)), [])
    with ExitStack() as stack:
        workers = (stack.enter_context(closing(_Worker(function))) for _ in range(_process_count()))
        pending: deque[tuple[_Worker, list[T]]] = deque()
        for worker, chunk in zip([*workers], chunks, strict=False):
            worker.begin(chunk)
            pending.append((worker, chunk))
        while pending:
            worker, chunk = pending.popleft()
            results = worker.results()
            if next_chunk := next(chunks, None):
                worker.begin(next_chunk)
                pending.append((worker, next_chunk))
            yield from map(function, chunk) if results is None else results
    yield from map(function, remaining)


def _process_count() -> int:
    """Return how many workers are useful: none on a single processor."""
    has_affinity_call = hasattr(os, "sched_getaffinity")  # Linux only
    processors = len(os.sched_getaffinity(0)) if has_affinity_call else os.cpu_count() or 1
    return min(processors, _MAX_PROCESSES) if processors > 1 else 0


class _Worker:
    """A process that works on one chunk at a time; without results if it could not be started."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError):
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-c", _PROGRAM, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C in a terminal must not reach it
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # workers share the processors
            )
        self.begin(function)

    def begin(self, work: object) -> None:
        """Send the next work: the function first, then chunks."""
        if self._process is not None:
            with suppress(OSError):  # it has died; results() returns None
                stream = cast("IO[bytes]", self._process.stdin)
                pickle.dump(work, stream)
                stream.flush()

    def results(self) -> list[Any] | None:
        """Return the results of the chunk, None if the process died."""
        if self._process is None:
            return None
        try:
            results: list[Any] = pickle.load(cast("IO[bytes]", self._process.stdout))  # noqa: S301
        except (EOFError, pickle.UnpicklingError):
            return None
        return results

    def close(self) -> None:
        """Kill the process."""
        if self._process is not None:
            self._process.kill()
            with suppress(OSError), self._process:
                pass


def serve(source: IO[bytes], sink: IO[bytes]) -> None:
    """Serve as a worker until the pipe closes: read the function, then one chunk after another."""
    gc.disable()  # the process is short-lived, and garbage collection takes a twelfth of its time
    with suppress(EOFError, OSError):
        function = pickle.load(source)  # noqa: S301 - by the process that started this one
        while True:
            pickle.dump([function(item) for item in pickle.load(source)], sink)  # noqa: S301
            sink.flush()
