"""The bench's stand-ins, which run in one event loop: Telegram, provider and people.

A question contains its number, and the end of its answer repeats it.
"""

import asyncio
import json
import os
import re
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from itertools import count, cycle, islice
from typing import Any, Self, TypeVar

import aiohttp
import uvloop
from aiohttp import web

from bench.figures import Meter, spread
from bench.processes import CORES

TOKEN = "123456789:the-bench-needs-no-secret-at-all-000"  # noqa: S105 - a made-up one
FIRST_CHAT = 100_000
MAX_DURATION_S = 180.0
MAX_BATCH_SIZE = 100
# An answer of 400 characters; a streamed one begins after FIRST_S.
LENGTH = 400
CHUNKS = 20
FIRST_S = 0.2
WORDS = (
    "Очередь отдаёт первым того, кто пришёл первым, а стек того, кто пришёл последним. "
)
HEAD = {"id": "chatcmpl-1", "created": 1795000000, "model": "bench"}
USAGE = {"prompt_tokens": 20, "completion_tokens": 100, "total_tokens": 120}
BOT = {"id": 123456789, "is_bot": True, "first_name": "M", "username": "mbot"}
PLACEHOLDER = "…"
REPEATED = "↻"
_NUMBER = re.compile(r"q-(\d+)-q")
_END = re.compile(r"a-(\d+)-a")
Figures = dict[str, Any]
R = TypeVar("R")


class Provider:
    """The list of models and chat completions; `seconds` is the duration of an answer."""

    def __init__(self) -> None:
        self.seconds = 1.0

    async def list_models(self, _request: web.Request) -> web.Response:
        """Answer with the one model."""
        return web.json_response(
            {"object": "list", "data": [{"id": "bench", "object": "model"}]}
        )

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answer a question, at once after the delay or in pieces until then."""
        body = await request.read()
        numbers = _NUMBER.findall(body.decode("utf-8"))
        end = f" a-{numbers[-1] if numbers else 0}-a"
        text = (WORDS * LENGTH)[: LENGTH - len(end)] + end
        if json.loads(body).get("stream"):
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            with suppress(ConnectionResetError):  # the bot was killed
                await self._stream(request, response, text)
            return response
        await asyncio.sleep(self.seconds)
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        kind = {**HEAD, "object": "chat.completion"}
        return web.json_response({**kind, "choices": [choice], "usage": USAGE})

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, text: str
    ) -> None:
        started_at = time.monotonic()
        await response.prepare(request)
        size = LENGTH // CHUNKS
        gap = (self.seconds - FIRST_S) / (CHUNKS - 1)
        for index in range(CHUNKS):
            due_at = started_at + FIRST_S + index * gap
            await asyncio.sleep(due_at - time.monotonic())
            piece = text[index * size : (index + 1) * size]
            await response.write(_chunk({"content": piece}))
        usage = {**HEAD, "choices": [], "usage": USAGE}
        await response.write(_chunk({}, "stop") + _event(usage) + b"data: [DONE]\n\n")


def _chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return _event({**HEAD, "object": "chat.completion.chunk", "choices": [choice]})


def _event(value: object) -> bytes:
    return b"data: %s\n\n" % json.dumps(value).encode()


class Telegram:
    """The Bot API; `on_message` is called with chat, message id and text of every message."""

    def __init__(self) -> None:
        self.on_message: Callable[[int, int, str], None]
        self.poll_arrived = asyncio.Event()
        self._updates: dict[int, dict[str, Any]] = {}
        self._update_ids = count(1)
        self._message_ids = count(1000)
        self._has_updates = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._hooks: Iterator[str] = iter(())
        self._pushes: set[asyncio.Task[None]] = set()

    async def call(self, request: web.Request) -> web.Response:
        """Answer one call of the Bot API."""
        values: dict[str, Any] = {**request.query}
        if request.content_type == "application/json":
            values |= await request.json()
        else:
            values |= await request.post()
        method = request.match_info["method"]
        if method == "getUpdates":
            return _reply(await self._get_updates(values))
        if method == "getMe":
            return _reply(BOT)
        if method in {"sendMessage", "editMessageText"}:
            return _reply(self._show(values))
        return _reply("done")

    def _show(self, values: Mapping[str, Any]) -> Figures:
        chat_id = int(values["chat_id"])
        message_id = int(values.get("message_id") or next(self._message_ids))
        self.on_message(chat_id, message_id, values["text"])
        message = _make_message(chat_id, message_id, values["text"])
        return {**message, "from": BOT}

    def say(self, chat_id: int, text: str) -> None:
        """Queue a person's message for the bot."""
        update_id = next(self._update_ids)
        person = {"id": chat_id, "is_bot": False, "first_name": "U"}
        message = _make_message(chat_id, next(self._message_ids), text)
        message["from"] = {**person, "language_code": "ru"}
        update = {"update_id": update_id, "message": message}
        if self._session is None:
            self._updates[update_id] = update
            self._has_updates.set()
            return
        push = asyncio.create_task(self._push(self._session, update))
        self._pushes.add(push)
        push.add_done_callback(self._pushes.discard)

    def push_to(self, urls: list[str], secret: str) -> None:
        """From now on post each update to these webhooks in turn, until one accepts it."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
        self._session = aiohttp.ClientSession(headers=headers)
        self._hooks = cycle(urls)

    async def close(self) -> None:
        """Close the connections to webhooks."""
        if self._session is not None:
            await self._session.close()

    async def _push(self, session: aiohttp.ClientSession, update: Figures) -> None:
        while True:
            with suppress(
                aiohttp.ClientError
            ):  # a kept connection was closed meanwhile
                async with session.post(next(self._hooks), json=update) as answer:
                    if answer.ok:
                        return

    async def _get_updates(self, values: Mapping[str, Any]) -> list[Figures]:
        """Delete what the offset confirms; return the next updates once there are any."""
        self.poll_arrived.set()
        confirmed = int(values.get("offset") or 0)
        for update_id in [each for each in self._updates if each < confirmed]:
            del self._updates[update_id]
        if not self._updates:
            self._has_updates.clear()
            wait_s = int(values.get("timeout") or 0)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._has_updates.wait()
        return [*islice(self._updates.values(), MAX_BATCH_SIZE)]


def _reply(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _make_message(chat_id: int, message_id: int, text: str) -> dict[str, Any]:
    chat = {"id": chat_id, "type": "private", "first_name": "U"}
    date = int(time.time())
    return {"message_id": message_id, "date": date, "chat": chat, "text": text}


class Loads:
    """Each load ends with its last answer and returns its figures."""

    def __init__(self, telegram: Telegram, provider: Provider) -> None:
        self.telegram = telegram
        self.provider = provider
        # The answers to each question: the texts by chat and message; all texts.
        self._messages: dict[int, dict[tuple[int, int], str]] = {}
        self._texts: dict[tuple[int, int], str] = {}
        self._question_count = 0
        self._first_question = 1
        self._open_questions: dict[int, tuple[int, float]] = {}
        self._durations_s: list[float] = []
        self._on_done: Callable[[int], None] = lambda _chat: None
        self._all_done = asyncio.Event()
        telegram.on_message = self._on_message

    async def run_closed_loop(
        self, pid: int, users: int = 200, answers: int = 1000
    ) -> Figures:
        """Let every user ask again as soon as they have an answer."""
        left = iter(range(answers - users))

        def ask_again(chat_id: int) -> None:
            if next(left, None) is not None:
                self.ask(chat_id)

        self.reset(ask_again)
        meter = Meter(pid)
        for user in range(users):
            self.ask(FIRST_CHAT + user)
        await self.wait_for_answers()
        return {**meter.read(len(self._durations_s)), **self.read_figures()}

    async def run_open_loop(
        self, pid: int, per_s: float = 25.0, seconds: float = 20.0
    ) -> Figures:
        """Ask `per_s` questions per second, without waiting for answers."""
        self.reset()
        meter = Meter(pid)
        await self.ask_paced(int(per_s * seconds), per_s)
        await self.wait_for_answers()
        return {**meter.read(len(self._durations_s)), **self.read_figures()}

    async def run_burst(self, count: int = 75, per_s: float = 50.0) -> Figures:
        """Ask while the bot is killed; return also when the last answer came."""
        self.reset()
        await self.ask_paced(count, per_s)
        await self.wait_for_answers()
        return {**self.read_figures(), "last_at": time.monotonic()}

    async def set_delay(self, seconds: float) -> None:
        """Set the duration of the model's answers."""
        self.provider.seconds = seconds

    async def set_hooks(self, urls: list[str], secret: str) -> None:
        """Let Telegram push the updates to these webhooks."""
        self.telegram.push_to(urls, secret)

    async def wait_for_poll(self) -> None:
        """Wait for the bot's next poll."""
        self.telegram.poll_arrived.clear()
        await self.telegram.poll_arrived.wait()

    def reset(self, on_done: Callable[[int], None] | None = None) -> None:
        """Start a new measurement; `on_done` is called with the chat of each answer."""
        self._on_done = on_done or (lambda _chat: None)
        self._first_question = self._question_count + 1
        self._messages.clear()
        self._texts.clear()
        self._open_questions.clear()
        self._durations_s.clear()
        self._all_done.clear()

    def read_figures(self) -> Figures:
        """Return how many questions were answered, and the times without the model's."""
        model_s = self.provider.seconds
        asked = range(self._first_question, self._question_count + 1)
        counts = [len(self._messages.get(number, ())) for number in asked]
        return {
            "asked": len(asked),
            "answered": sum(count > 0 for count in counts),
            "doubled": sum(count > 1 for count in counts),
            "unmarked": sum(map(_count_unmarked, self._messages.values())),
            "orphans": sum(text == PLACEHOLDER for text in self._texts.values()),
            **spread([1000 * (each - model_s) for each in self._durations_s]),
        }

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
        number = self._question_count
        question = f"Чем очередь отличается от стека? q-{number}-q"
        self.telegram.say(chat_id, question)

    def _on_message(self, chat_id: int, message_id: int, text: str) -> None:
        self._texts[chat_id, message_id] = text
        answer_end = _END.search(text)
        if answer_end is None:
            return
        key = int(answer_end[1])
        self._messages.setdefault(key, {})[chat_id, message_id] = text
        question_asked = self._open_questions.pop(key, None)
        if question_asked is None:
            return
        asked_in, asked_at = question_asked
        self._durations_s.append(time.monotonic() - asked_at)
        self._on_done(asked_in)
        if not self._open_questions:
            self._all_done.set()


def _count_unmarked(answers: Mapping[tuple[int, int], str]) -> int:
    """Return how many of the answers to a question repeat another without a mark."""
    unmarked = sum(not text.startswith(REPEATED) for text in answers.values())
    return max(unmarked - 1, 0)


class World:
    """A thread on the last core with Telegram, the provider and the people; use it in a `with`."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.telegram = f"http://127.0.0.1:{self._run(self._start())}"
        self.provider = f"{self.telegram}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def begin_load(self, load: str, **arguments: Any) -> Future[Figures]:
        """Start a load of `Loads`; the result is its figures."""
        call = getattr(self._loads, load)(**arguments)
        return asyncio.run_coroutine_threadsafe(call, self._loop)

    def run_load(self, load: str, **arguments: Any) -> Figures:
        """Run a load and return its figures."""
        return self.begin_load(load, **arguments).result()

    def _serve(self) -> None:
        os.sched_setaffinity(0, {CORES[-1]})  # of this thread
        self._loop.run_forever()

    def _run(self, call: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()

    async def _start(self) -> int:
        """Serve on a free port; return it."""
        telegram = Telegram()
        provider = Provider()
        self._loads = Loads(telegram, provider)
        app = web.Application()
        app.router.add_route("*", f"/bot{TOKEN}/{{method}}", telegram.call)
        app.router.add_get("/v1/models", provider.list_models)
        app.router.add_post("/v1/chat/completions", provider.complete)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024).start()
        port: int = self._runner.addresses[0][1]
        return port

    async def _close(self) -> None:
        await self._loads.telegram.close()
        await self._runner.cleanup()
