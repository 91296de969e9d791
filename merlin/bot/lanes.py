"""Lanes: one queue a chat keeps its order, while chats run side by side.

Beside it a chat has lanes for what does not wait behind an answer (`bot.beside`).

Several hundred chats are worked on at once, one update of each. A chat may have a few messages
waiting; more are refused at once, so that a flood by one person costs nobody else anything.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, zip_longest

from merlin.bot.beside import Way, takes_room, way_of
from merlin.bot.joining import MOST_PARTS, WAIT_S, belongs, may_go_on
from merlin.bot.known import Known
from merlin.inbox.update import Update

AT_ONCE = 256
MOST_WAITING = 5


@dataclass(frozen=True, slots=True)
class Task:
    """An update to work on; `is_resumed`: somebody may have begun with it before.

    `joined` are those behind it that belong to it. `known` is what was read of its person, None
    where that is to be read when its turn comes.
    """

    update: Update
    is_resumed: bool = False
    known: Known | None = None
    joined: tuple[Update, ...] = ()


@dataclass(slots=True)
class _Lane:
    """What waits in one chat; `is_told`: the person knows that more is refused."""

    waiting: deque[Task] = field(default_factory=deque)
    is_working: bool = False
    is_told: bool = False

    def has_room(self, update: Update, most: int) -> bool:
        # A part of what waits already is not one more.
        if self.waiting and belongs(update, self.waiting[-1].update):
            return len(self.waiting) < MOST_PARTS
        # What nobody works on yet is about to be, so it does not count as waiting.
        return self._questions() < most + (0 if self.is_working else 1)

    def _questions(self) -> int:
        """Return how many questions wait; one may have come in several parts."""
        updates = [task.update for task in self.waiting]
        parts = sum(belongs(update, before) for before, update in pairwise(updates))
        return len(updates) - parts

    def take(self) -> Task:
        """Return the next task, with what waits behind it and belongs to it."""
        task = self.waiting.popleft()
        joined: list[Update] = []
        while self.waiting and belongs(self.waiting[0].update, (joined or [task.update])[-1]):
            joined.append(self.waiting.popleft().update)
        return replace(task, joined=tuple(joined)) if joined else task

    def is_free(self) -> bool:
        """Return whether what comes now is worked on at once."""
        return not (self.is_working or self.waiting)


# A chat, and which of its lanes.
Key = tuple[int, Way]
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
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._slots = asyncio.Semaphore(at_once)
        self._lanes: dict[Key, _Lane] = {}
        self._in_hand: set[int] = set()
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

    @property
    def in_hand(self) -> frozenset[int]:
        """Return the updates that were added and are not dealt with yet."""
        return frozenset(self._in_hand)

    def add(
        self,
        updates: Sequence[Update],
        *,
        known: Sequence[Known] = (),
        is_resumed: bool = False,
    ) -> None:
        """Queue updates in this order; messages that a chat has no room for are refused.

        `known` is what was read with each, or nothing. Resumed ones had their room already; one
        that is in hand is not queued again.
        """
        refused: dict[Key, list[Update]] = {}
        for update, read in zip_longest(updates, known):
            if update.update_id in self._in_hand:
                continue
            self._in_hand.add(update.update_id)
            key = (update.chat_id, way_of(update))
            lane = self._lane(key)
            may_wait = is_resumed or not takes_room(update)
            if may_wait or lane.has_room(update, self._most_waiting):
                # Behind another one, what was read may not be true any more.
                is_next = lane.is_free() and len(self._running) <= self._at_once
                lane.waiting.append(Task(update, is_resumed, read if is_next else None))
            else:
                refused.setdefault(key, []).append(update)
        for key, those in refused.items():
            lane = self._lanes[key]
            self._start(self._turn_away(those, is_news=not lane.is_told))
            lane.is_told = True

    async def _turn_away(self, updates: Sequence[Update], *, is_news: bool) -> None:
        await self._refuse(updates, is_news)
        self._let_go(updates)

    def _let_go(self, updates: Iterable[Update]) -> None:
        self._in_hand.difference_update(update.update_id for update in updates)

    def _lane(self, key: Key) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
            run = self._run if key[1] is Way.ORDER else self._run_beside
            self._start(run(key, lane))
        return lane

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, key: Key, lane: _Lane) -> None:
        try:
            while lane.waiting and not self._closing.is_set():
                async with self._slots:
                    if self._closing.is_set():
                        return
                    await self._do_next(lane)
        finally:
            del self._lanes[key]

    async def _run_beside(self, key: Key, lane: _Lane) -> None:
        """Work on what waits for no slot either: a full house holds up no payment."""
        try:
            while lane.waiting and not self._closing.is_set():
                await self._do_next(lane)
        finally:
            del self._lanes[key]

    async def _do_next(self, lane: _Lane) -> None:
        lane.is_working = True
        has_waited = await self._complete(lane)
        task = lane.take()
        if has_waited:
            task = replace(task, known=None)
        await self._work(task)
        self._let_go((task.update, *task.joined))
        lane.is_working = False

    async def _complete(self, lane: _Lane) -> bool:
        """Wait a little where more that belongs to the next update may be on its way.

        Return whether that took any time.
        """
        seen = 0
        while may_go_on(lane.waiting[-1].update) and len(lane.waiting) > seen:
            seen = len(lane.waiting)
            await asyncio.sleep(WAIT_S)
        return seen > 0

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
