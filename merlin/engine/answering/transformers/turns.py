"""The line before the process: so many run, so many wait, and who asks much holds up nobody.

Each asker's questions have their order of arrival; of several askers each has one turn after the
other.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict, deque
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
        self._free = at_once
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._took_s: deque[float] = deque(maxlen=_REMEMBERED)
        self.running = 0
        self.waiting = 0

    @asynccontextmanager
    async def turn(self, asker: str = "") -> AsyncIterator[None]:
        """Wait for one's turn, and have it. Raises Busy where too many wait already."""
        if not self._free and self.waiting >= self._most_waiting:
            raise Busy(self.retry_after_s())
        await self._wait(asker)
        began = time.monotonic()
        self.running += 1
        try:
            yield
            self._took_s.append(time.monotonic() - began)
        finally:
            self.running -= 1
            self._pass_on()

    def retry_after_s(self) -> int:
        """Return when there should be room, by how long the last answers took."""
        mean_s = sum(self._took_s) / len(self._took_s) if self._took_s else _FIRST_S
        rounds = (self.waiting + 1) / self._at_once
        return max(1, min(math.ceil(mean_s * rounds), _LONGEST_S))

    async def _wait(self, asker: str) -> None:
        if self._free:
            self._free -= 1
            return
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(asker, deque()).append(called)
        self.waiting += 1
        try:
            await called
        except asyncio.CancelledError:
            # Called and gone at the same moment: the turn is the next one's.
            if called.done() and not called.cancelled():
                self._pass_on()
            raise
        finally:
            self.waiting -= 1

    def _pass_on(self) -> None:
        """Call the first of the asker who had no turn for longest, or let the place be free."""
        while self._lines:
            asker, line = next(iter(self._lines.items()))
            called = line.popleft()
            if line:
                self._lines.move_to_end(asker)
            else:
                del self._lines[asker]
            if not called.done():
                called.set_result(None)
                return
        self._free += 1
