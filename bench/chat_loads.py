"""What the bench's people do: ask in a closed or an open loop, one by one, or by commands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from bench.chat_meter import Figures, Meter, spread
from bench.chat_model import END, Provider, question
from bench.chat_telegram import Telegram

FIRST_CHAT = 100_000
MAX_DURATION_S = 180.0


class Loads:
    """Each load ends when its last answer is shown, and returns its figures.

    A question is known by its number, a command by its chat.
    """

    def __init__(self, telegram: Telegram, provider: Provider) -> None:
        self.telegram = telegram
        self.provider = provider
        self.whole: dict[int, set[int]] = {}
        self._asked = 0
        self._since: dict[int, tuple[int, float]] = {}
        self._took: list[float] = []
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._on_done: Callable[[int], None] = lambda _chat: None
        self._all_done = asyncio.Event()
        self._is_by_chat = False
        telegram.shown = self._shown

    async def closed(
        self, pid: int, users: int = 200, answers: int = 1000, command: str = ""
    ) -> Figures:
        """Let every user ask again as soon as the answer is there."""
        left = answers - users

        def again(chat_id: int) -> None:
            nonlocal left
            if left > 0:
                left -= 1
                self.ask(chat_id, command)

        self.begin(again, is_by_chat=bool(command))
        meter = Meter(pid)
        for user in range(users):
            self.ask(FIRST_CHAT + user, command)
        await self.end()
        doubled = sum(len(messages) > 1 for messages in self.whole.values())
        return {**meter.read(len(self._took)), **self.added(), "doubled": doubled}

    async def opened(self, pid: int, per_s: float = 25.0, seconds: float = 20.0) -> Figures:
        """Let so many people a second ask, whatever is answered meanwhile."""
        self.begin()
        meter = Meter(pid)
        await self.ask_paced(int(per_s * seconds), per_s)
        await self.end()
        return {**meter.read(len(self._took)), **self.added()}

    async def idle(self, pid: int) -> Figures:
        """Let nobody do anything for a second."""
        await asyncio.sleep(1)
        return Meter(pid).read(1)

    async def burst(self, count: int = 75, per_s: float = 50.0) -> Figures:
        """Let people ask while the bot is killed; tell when the last answer came, and doubles."""
        self.begin()
        self.whole.clear()
        first = self._asked + 1
        await self.ask_paced(count, per_s)
        await self.end()
        mine = [self.whole.get(number, set()) for number in range(first, first + count)]
        return {
            "asked": count,
            "answered": sum(bool(messages) for messages in mine),
            "doubled": sum(len(messages) > 1 for messages in mine),
            "last_at": time.monotonic(),
        }

    async def touch(self, pid: int, sessions: int = 10_000, at_once: int = 100) -> Figures:
        """Let so many people ask one question each, some at a time."""
        others = iter(range(FIRST_CHAT * 10, FIRST_CHAT * 10 + sessions))

        def next_one(_chat: int) -> None:
            chat_id = next(others, 0)
            if chat_id:
                self.ask(chat_id)

        self.begin(next_one)
        meter = Meter(pid)
        for _ in range(at_once):
            next_one(0)
        await self.end()
        return meter.read(len(self._took))

    def begin(
        self, on_done: Callable[[int], None] | None = None, *, is_by_chat: bool = False
    ) -> None:
        """Forget what was; `on_done` hears the chat of each answer."""
        self._on_done = on_done or (lambda _chat: None)
        self._is_by_chat = is_by_chat
        self._since.clear()
        self._took.clear()
        self._all_done.clear()

    async def end(self) -> None:
        """Return when everything that was asked is answered. Raises TimeoutError."""
        async with asyncio.timeout(MAX_DURATION_S):
            await self._all_done.wait()

    async def ask_paced(self, count: int, per_s: float) -> None:
        """Ask so many questions at an even pace, in 400 chats."""
        begun = time.monotonic()
        for place in range(count):
            await asyncio.sleep(max(0.0, begun + place / per_s - time.monotonic()))
            self.ask(FIRST_CHAT + place % 400)

    async def answered(self, chat_id: int) -> float:
        """Let one person ask; return how many seconds beyond the model's their answer took."""
        begun = time.monotonic()
        self.ask(chat_id)
        waiting = self._waiting[self._asked] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(MAX_DURATION_S):
            await waiting
        return time.monotonic() - begun - self.provider.seconds

    def ask(self, chat_id: int, command: str = "") -> None:
        """Let one person write a question, or a command."""
        self._asked += 1
        key = chat_id if self._is_by_chat else self._asked
        self._since[key] = (chat_id, time.monotonic())
        self._all_done.clear()
        self.telegram.say(chat_id, command or question(self._asked))

    def _shown(self, chat_id: int, message_id: int, text: str) -> None:
        end = END.search(text)
        key = chat_id if self._is_by_chat else int(end[1]) if end else 0
        if end:
            self.whole.setdefault(key, set()).add(message_id)
        asked = self._since.pop(key, None)
        if asked is None:
            return
        self._took.append(time.monotonic() - asked[1])
        if key in self._waiting:
            self._waiting.pop(key).set_result(None)
        self._on_done(asked[0])
        if not self._since:
            self._all_done.set()

    def added(self) -> Figures:
        """Return the time beyond the model's, in milliseconds."""
        model = 0.0 if self._is_by_chat else self.provider.seconds
        return spread([1000 * (took - model) for took in self._took])
