"""The loads of the chat bench: questions in a closed or open loop, single ones, commands."""

import asyncio
import time
from collections.abc import Callable

from bench.chat_meter import Figures, Meter, spread
from bench.chat_model import END, Provider, question
from bench.chat_telegram import Telegram

FIRST_CHAT = 100_000
MAX_DURATION_S = 180.0


class Loads:
    """Each load ends with its last answer and returns its figures.

    The key of a question is its number, that of a command its chat.
    """

    def __init__(self, telegram: Telegram, provider: Provider) -> None:
        self.telegram = telegram
        self.provider = provider
        self.messages_by_key: dict[int, set[int]] = {}
        self._question_count = 0
        self._open_questions: dict[int, tuple[int, float]] = {}
        self._durations_s: list[float] = []
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._on_done: Callable[[int], None] = lambda _chat: None
        self._all_done = asyncio.Event()
        self._is_by_chat = False
        telegram.on_message = self._on_message

    async def run_closed_loop(
        self, pid: int, users: int = 200, answers: int = 1000, command: str = ""
    ) -> Figures:
        """Let every user ask again as soon as they have an answer."""
        questions_left = answers - users

        def ask_again(chat_id: int) -> None:
            nonlocal questions_left
            if questions_left > 0:
                questions_left -= 1
                self.ask(chat_id, command)

        self.reset(ask_again, is_by_chat=bool(command))
        meter = Meter(pid)
        for user in range(users):
            self.ask(FIRST_CHAT + user, command)
        await self.wait_for_answers()
        doubled = sum(len(messages) > 1 for messages in self.messages_by_key.values())
        return {**meter.read(len(self._durations_s)), **self.added_times(), "doubled": doubled}

    async def run_open_loop(self, pid: int, per_s: float = 25.0, seconds: float = 20.0) -> Figures:
        """Ask `per_s` questions per second, without waiting for answers."""
        self.reset()
        meter = Meter(pid)
        await self.ask_paced(int(per_s * seconds), per_s)
        await self.wait_for_answers()
        return {**meter.read(len(self._durations_s)), **self.added_times()}

    async def measure_idle(self, pid: int) -> Figures:
        """Wait for a second without load."""
        await asyncio.sleep(1)
        return Meter(pid).read(1)

    async def run_burst(self, count: int = 75, per_s: float = 50.0) -> Figures:
        """Ask while the bot is killed; return when the last answer came, and double answers."""
        self.reset()
        self.messages_by_key.clear()
        first = self._question_count + 1
        await self.ask_paced(count, per_s)
        await self.wait_for_answers()
        messages = [
            self.messages_by_key.get(number, set()) for number in range(first, first + count)
        ]
        return {
            "asked": count,
            "answered": sum(bool(messages) for messages in messages),
            "doubled": sum(len(messages) > 1 for messages in messages),
            "last_at": time.monotonic(),
        }

    async def open_sessions(self, pid: int, sessions: int = 10_000, at_once: int = 100) -> Figures:
        """Ask one question in each of many chats, `at_once` at a time."""
        chat_ids = iter(range(FIRST_CHAT * 10, FIRST_CHAT * 10 + sessions))

        def ask_next(_chat: int) -> None:
            chat_id = next(chat_ids, 0)
            if chat_id:
                self.ask(chat_id)

        self.reset(ask_next)
        meter = Meter(pid)
        for _ in range(at_once):
            ask_next(0)
        await self.wait_for_answers()
        return meter.read(len(self._durations_s))

    def reset(
        self, on_done: Callable[[int], None] | None = None, *, is_by_chat: bool = False
    ) -> None:
        """Start a new measurement; `on_done` is called with the chat of each answer."""
        self._on_done = on_done or (lambda _chat: None)
        self._is_by_chat = is_by_chat
        self._open_questions.clear()
        self._durations_s.clear()
        self._all_done.clear()

    async def wait_for_answers(self) -> None:
        """Wait until every question is answered. Raises TimeoutError."""
        async with asyncio.timeout(MAX_DURATION_S):
            await self._all_done.wait()

    async def ask_paced(self, count: int, per_s: float) -> None:
        """Ask questions at an even pace, in 400 chats."""
        started_at = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, started_at + number / per_s - time.monotonic()))
            self.ask(FIRST_CHAT + number % 400)

    async def measure_answer(self, chat_id: int) -> float:
        """Ask a question; return the seconds until its answer, without the model's time."""
        started_at = time.monotonic()
        self.ask(chat_id)
        waiting = self._waiting[self._question_count] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(MAX_DURATION_S):
            await waiting
        return time.monotonic() - started_at - self.provider.seconds

    def ask(self, chat_id: int, command: str = "") -> None:
        """Write a question, or a command."""
        self._question_count += 1
        key = chat_id if self._is_by_chat else self._question_count
        self._open_questions[key] = (chat_id, time.monotonic())
        self._all_done.clear()
        self.telegram.say(chat_id, command or question(self._question_count))

    def _on_message(self, chat_id: int, message_id: int, text: str) -> None:
        answer_end = END.search(text)
        key = chat_id if self._is_by_chat else int(answer_end[1]) if answer_end else 0
        if answer_end:
            self.messages_by_key.setdefault(key, set()).add(message_id)
        question_asked = self._open_questions.pop(key, None)
        if question_asked is None:
            return
        asked_in, asked_at = question_asked
        self._durations_s.append(time.monotonic() - asked_at)
        if key in self._waiting:
            self._waiting.pop(key).set_result(None)
        self._on_done(asked_in)
        if not self._open_questions:
            self._all_done.set()

    def added_times(self) -> Figures:
        """Return the times without the model's, in milliseconds."""
        model_s = 0.0 if self._is_by_chat else self.provider.seconds
        return spread([1000 * (duration_s - model_s) for duration_s in self._durations_s])
