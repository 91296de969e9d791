"""The line before the process: so many run, so many wait, by order of arrival."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from merlin.engine.answering.asking import Busy

_REMEMBERED = 32
# Until a first answer has ended nobody knows how long one takes.
_FIRST_S = 2.0
_LONGEST_S = 600


class Turns:
    """At most `at_once` have their turn, at most `most_waiting` wait for it."""

    def __init__(self, at_once: int, most_waiting: int) -> None:
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._free = asyncio.Semaphore(at_once)
        self._took_s: deque[float] = deque(maxlen=_REMEMBERED)
        self.running = 0
        self.waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn, and have it. Raises Busy where too many wait already."""
        if self._free.locked() and self.waiting >= self._most_waiting:
            raise Busy(self.retry_after_s())
        await self._wait()
        began = time.monotonic()
        self.running += 1
        try:
            yield
            self._took_s.append(time.monotonic() - began)
        finally:
            self.running -= 1
            self._free.release()

    def retry_after_s(self) -> int:
        """Return when there should be room, by how long the last answers took."""
        mean_s = sum(self._took_s) / len(self._took_s) if self._took_s else _FIRST_S
        rounds = (self.waiting + 1) / self._at_once
        return max(1, min(math.ceil(mean_s * rounds), _LONGEST_S))

    async def _wait(self) -> None:
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
