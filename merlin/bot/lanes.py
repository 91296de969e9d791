"""Lanes: one queue a chat keeps its order, while chats run side by side.

Several hundred chats are worked on at once, one update of each. A chat may have a few messages
waiting; more are refused at once, so that a flood by one person costs nobody else anything.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from merlin.inbox.update import Update

AT_ONCE = 256
MOST_WAITING = 5


@dataclass(frozen=True, slots=True)
class Task:
    """An update to work on; `is_resumed`: somebody may have begun with it before."""

    update: Update
    is_resumed: bool = False


@dataclass(slots=True)
class _Lane:
    """What waits in one chat; `is_told`: the person knows that more is refused."""

    waiting: deque[Task] = field(default_factory=deque)
    is_working: bool = False
    is_told: bool = False

    def has_room(self, most: int) -> bool:
        # What nobody works on yet is about to be, so it does not count as waiting.
        return len(self.waiting) < most + (0 if self.is_working else 1)


Work = Callable[[Task], Awaitable[None]]
# The refused updates of one chat, and whether the person is to be told.
Refuse = Callable[[Sequence[Update], bool], Awaitable[None]]


class Lanes:
    """The queues of all chats that this process holds."""

    def __init__(
        self,
        work: Work,
        refuse: Refuse,
        *,
        at_once: int = AT_ONCE,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._work = work
        self._refuse = refuse
        self._most_waiting = most_waiting
        self._slots = asyncio.Semaphore(at_once)
        self._lanes: dict[int, _Lane] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Return how many updates wait for their turn."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    @property
    def working(self) -> int:
        """Return how many updates are worked on."""
        return sum(lane.is_working for lane in self._lanes.values())

    def add(self, updates: Sequence[Update], *, is_resumed: bool = False) -> None:
        """Queue updates in this order; messages that a chat has no room for are refused.

        Resumed ones had their room already.
        """
        refused: dict[int, list[Update]] = {}
        for update in updates:
            lane = self._lane(update.chat_id)
            if is_resumed or update.kind != "message" or lane.has_room(self._most_waiting):
                lane.waiting.append(Task(update, is_resumed))
            else:
                refused.setdefault(update.chat_id, []).append(update)
        for chat_id, those in refused.items():
            lane = self._lanes[chat_id]
            self._start(self._refuse(those, not lane.is_told))
            lane.is_told = True

    def _lane(self, chat_id: int) -> _Lane:
        lane = self._lanes.get(chat_id)
        if lane is None:
            lane = self._lanes[chat_id] = _Lane()
            self._start(self._run(chat_id, lane))
        return lane

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, chat_id: int, lane: _Lane) -> None:
        try:
            while lane.waiting and not self._closing.is_set():
                async with self._slots:
                    if self._closing.is_set():
                        return
                    lane.is_working = True
                    await self._work(lane.waiting.popleft())
                    lane.is_working = False
        finally:
            del self._lanes[chat_id]

    async def close(self, within_s: float) -> None:
        """Let what is being worked on end within so many seconds, then stop it.

        What waits stays stored; whoever comes next takes it up.
        """
        self._closing.set()
        if self._running:
            await asyncio.wait(self._running, timeout=within_s)
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
