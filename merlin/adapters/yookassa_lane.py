"""Call lane: blocking calls in a few threads of their own, each with an end, from async code.

Whoever waits gets an answer or an error in time; a call that hangs is cut off, so that it holds
neither the caller nor, for long, its thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from merlin.adapters.yookassa_call import Call
from merlin.core.errors import TillAway, TillDoubt

T = TypeVar("T")
THREADS = 8
DEADLINE_S = 9.5


class CallLane:
    """The threads of one gateway."""

    def __init__(self, deadline_s: float = DEADLINE_S, threads: int = THREADS) -> None:
        self._deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="till")
        self._under_way: set[Call] = set()

    async def run(self, work: Callable[[Call], T]) -> T:
        """Return what the work returns. Raises what it raises, or TillAway or TillDoubt in time."""
        call = Call()
        future = self._threads.submit(work, call)
        self._under_way.add(call)
        try:
            async with asyncio.timeout(self._deadline_s):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise _late(call, future) from None
        finally:
            self._under_way.discard(call)
            call.end()

    def close(self) -> None:
        """Cut off what is under way, and let the threads go."""
        for call in list(self._under_way):
            call.end()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _late(call: Call, future: Future[T]) -> TillAway:
    """Return what it means that the time is up: the work may not even have begun."""
    if not future.cancel() and call.end():
        return TillDoubt("YooKassa did not answer in time", code="no_answer")
    return TillAway("YooKassa could not be asked in time", code="unreachable")
