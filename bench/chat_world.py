"""The process with the bench's stand-ins: Telegram, provider and people in one event loop.

Each line on standard input names a load and its arguments, each line on standard output has its
figures: `{"do": "run_closed_loop", "pid": 7}` -> `{"answers_per_s": …}`.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import uvloop

from bench.chat_http import serve
from bench.chat_model import END, Provider, question
from bench.chat_telegram import Telegram
from bench.figures import Meter, spread
from bench.processes import serve_loads, write_line

Figures = dict[str, Any]
FIRST_CHAT = 100_000
MAX_DURATION_S = 180.0


class Loads:
    """Each load ends with its last answer and returns its figures."""

    def __init__(self, telegram: Telegram, provider: Provider) -> None:
        self.telegram = telegram
        self.provider = provider
        self.messages_by_key: dict[int, set[tuple[int, int]]] = {}
        self._question_count = 0
        self._open_questions: dict[int, tuple[int, float]] = {}
        self._durations_s: list[float] = []
        self._on_done: Callable[[int], None] = lambda _chat: None
        self._all_done = asyncio.Event()
        telegram.on_message = self._on_message

    async def run_closed_loop(
        self, pid: int, users: int = 200, answers: int = 1000
    ) -> Figures:
        """Let every user ask again as soon as they have an answer."""
        questions_left = answers - users

        def ask_again(chat_id: int) -> None:
            nonlocal questions_left
            if questions_left > 0:
                questions_left -= 1
                self.ask(chat_id)

        self.reset(ask_again)
        meter = Meter(pid)
        for user in range(users):
            self.ask(FIRST_CHAT + user)
        await self.wait_for_answers()
        doubled = sum(len(messages) > 1 for messages in self.messages_by_key.values())
        return {
            **meter.read(len(self._durations_s)),
            **self.added_times(),
            "doubled": doubled,
        }

    async def run_open_loop(
        self, pid: int, per_s: float = 25.0, seconds: float = 20.0
    ) -> Figures:
        """Ask `per_s` questions per second, without waiting for answers."""
        self.reset()
        meter = Meter(pid)
        await self.ask_paced(int(per_s * seconds), per_s)
        await self.wait_for_answers()
        return {**meter.read(len(self._durations_s)), **self.added_times()}

    async def run_burst(self, count: int = 75, per_s: float = 50.0) -> Figures:
        """Ask while the bot is killed; return when the last answer came, and double answers."""
        self.reset()
        self.messages_by_key.clear()
        first = self._question_count + 1
        await self.ask_paced(count, per_s)
        await self.wait_for_answers()
        messages = [
            self.messages_by_key.get(number, set())
            for number in range(first, first + count)
        ]
        return {
            "asked": count,
            "answered": sum(bool(messages) for messages in messages),
            "doubled": sum(len(messages) > 1 for messages in messages),
            "last_at": time.monotonic(),
        }

    def reset(self, on_done: Callable[[int], None] | None = None) -> None:
        """Start a new measurement; `on_done` is called with the chat of each answer."""
        self._on_done = on_done or (lambda _chat: None)
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
            await asyncio.sleep(
                max(0.0, started_at + number / per_s - time.monotonic())
            )
            self.ask(FIRST_CHAT + number % 400)

    def ask(self, chat_id: int) -> None:
        """Write the next question."""
        self._question_count += 1
        self._open_questions[self._question_count] = (chat_id, time.monotonic())
        self._all_done.clear()
        self.telegram.say(chat_id, question(self._question_count))

    def _on_message(self, chat_id: int, message_id: int, text: str) -> None:
        answer_end = END.search(text)
        if answer_end is None:
            return
        key = int(answer_end[1])
        self.messages_by_key.setdefault(key, set()).add((chat_id, message_id))
        question_asked = self._open_questions.pop(key, None)
        if question_asked is None:
            return
        asked_in, asked_at = question_asked
        self._durations_s.append(time.monotonic() - asked_at)
        self._on_done(asked_in)
        if not self._open_questions:
            self._all_done.set()

    def added_times(self) -> Figures:
        """Return the times without the model's, in milliseconds."""
        model_s = self.provider.seconds
        return spread(
            [1000 * (duration_s - model_s) for duration_s in self._durations_s]
        )


async def main() -> None:
    """Serve, and run the requested loads, until standard input ends."""
    telegram = Telegram()
    provider = Provider()
    loads = Loads(telegram, provider)
    ports = {
        "telegram": await serve(telegram.handle),
        "provider": await serve(provider.handle),
    }
    write_line(ports)

    async def set_delay(seconds: float) -> Figures:
        provider.seconds = seconds
        return {}

    async def set_hooks(urls: list[str], secret: str) -> Figures:
        telegram.push_to(urls, secret)
        return {}

    async def wait_for_poll() -> Figures:
        telegram.poll_arrived.clear()
        await telegram.poll_arrived.wait()
        return {}

    others = {each.__name__: each for each in (set_delay, set_hooks, wait_for_poll)}
    await serve_loads(lambda name: others.get(name) or getattr(loads, name))
    await telegram.close()


if __name__ == "__main__":
    uvloop.run(main())
