"""A fast Telegram for the bench: keeps updates until an offset confirms them, answers calls."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import cycle, islice
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import aiohttp

from bench.chat_http import Connection

TOKEN = "123456789:the-bench-needs-no-secret-at-all-000"  # noqa: S105 - a made-up one
MAX_BATCH_SIZE = 100
_OFFSET = re.compile(rb"(?:^|[?&])offset=(-?\d+)")
_WAIT = re.compile(rb"(?:^|[?&])timeout=(\d+)")
_TEXT = re.compile(rb"(?:^|&)text=([^&]*)")
_CHAT = re.compile(rb"(?:^|&)chat_id=(-?\d+)")
_MESSAGE = re.compile(rb"(?:^|&)message_id=(\d+)")
_DONE = b'{"ok":true,"result":true}'
_ME = json.dumps(
    {"ok": True, "result": {"id": 123456789, "is_bot": True, "first_name": "M", "username": "mbot"}}
).encode()
# Chat, message, text: what the person sees now.
Shown = Callable[[int, int, str], None]
# Method and parameters of every other call, as it comes.
Called = Callable[[str, bytes], None]


class Telegram:
    """What bots call; `shown` hears every text, `called` every call but getUpdates."""

    def __init__(self) -> None:
        self.shown: Shown = lambda _chat, _message, _text: None
        self.called: Called = lambda _method, _body: None
        self.polled = asyncio.Event()
        self._updates: dict[int, bytes] = {}
        self._storm: deque[tuple[int, bytes]] = deque()
        self._handed: list[tuple[int, bytes]] = []
        self._next_update = 1
        self._next_message = 1000
        self._poll: tuple[Connection, asyncio.TimerHandle] | None = None
        self._floods: dict[int, float] = {}
        self._now = int(time.time())
        self._is_due = False
        self._session: aiohttp.ClientSession | None = None
        self._hooks: Iterator[str] = iter(())
        self._pushes: set[asyncio.Task[None]] = set()

    def handle(self, target: bytes, body: bytes, connection: Connection) -> None:
        """Answer one call of the Bot API."""
        path, _, query = target.partition(b"?")
        method = path.rpartition(b"/")[2].decode()
        if method == "getUpdates":
            self._get_updates(query + b"&" + body, connection)
            return
        self.called(method, body)
        if method == "getMe":
            connection.reply(_ME)
        elif method in {"sendMessage", "editMessageText"}:
            self._show(body, connection)
        else:
            connection.reply(_DONE)

    def flood(self, chat_id: int, seconds: float) -> None:
        """Refuse every message in a chat for so long."""
        self._floods[chat_id] = asyncio.get_running_loop().time() + seconds

    def _show(self, body: bytes, connection: Connection) -> None:
        chat_id, message_id, text = _read(body)
        if chat_id in self._floods:
            left = self._floods[chat_id] - asyncio.get_running_loop().time()
            if left > 0:
                wait = max(1, round(left))
                connection.reply(_error(429, f"Too Many Requests: retry after {wait}", wait), 429)
                return
        if not message_id:
            self._next_message += 1
            message_id = self._next_message
        connection.reply(
            b'{"ok":true,"result":{"message_id":%d,"date":%d,"from":{"id":123456789,"is_bot":true,'
            b'"first_name":"M","username":"mbot"},"chat":{"id":%d,"type":"private","first_name":'
            b'"U"},"text":%s}}' % (message_id, self._now, chat_id, _quoted(text))
        )
        self.shown(chat_id, message_id, text)

    def say(self, chat_id: int, text: str) -> None:
        """Let a person write."""
        self._put(self.made(chat_id, text))

    def made(self, chat_id: int, text: str) -> tuple[int, bytes]:
        """Return the update of a message that nobody has been given yet."""
        person = {"id": chat_id, "is_bot": False, "first_name": "U", "language_code": "ru"}
        self._next_message += 1
        message: dict[str, Any] = {
            "message_id": self._next_message,
            "date": self._now,
            "chat": {"id": chat_id, "type": "private", "first_name": "U"},
            "from": person,
            "text": text,
        }
        if text.startswith("/"):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text)}]
        return self._numbered({"message": message})

    def happens(self, event: Mapping[str, Any]) -> None:
        """Put an event before the bot."""
        self._put(self._numbered(event))

    def storm(self, updates: Sequence[tuple[int, bytes]]) -> None:
        """Hand these out in this order, whatever an offset says of their numbers."""
        self._storm = deque(updates)
        self._wake()

    def _numbered(self, event: Mapping[str, Any]) -> tuple[int, bytes]:
        update_id = self._next_update
        self._next_update += 1
        return update_id, json.dumps({"update_id": update_id, **event}).encode()

    def push_to(self, urls: Sequence[str], secret: str) -> None:
        """Push each update to one of these in turn from now on, until it is taken."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret, "Content-Type": "application/json"}
        self._session = aiohttp.ClientSession(headers=headers)
        self._hooks = cycle(urls)

    async def close(self) -> None:
        """Push nothing any more."""
        if self._session is not None:
            await self._session.close()

    async def _push(self, update: bytes) -> None:
        assert self._session is not None
        while True:
            async with self._session.post(next(self._hooks), data=update) as answer:
                if answer.ok:
                    return

    def _put(self, update: tuple[int, bytes]) -> None:
        if self._session is not None:
            push = asyncio.create_task(self._push(update[1]))
            self._pushes.add(push)
            push.add_done_callback(self._pushes.discard)
            return
        self._updates[update[0]] = update[1]
        self._wake()

    def _wake(self) -> None:
        if self._poll is not None and not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._deliver)

    def _get_updates(self, asked: bytes, connection: Connection) -> None:
        self.polled.set()
        offset, wait = _OFFSET.search(asked), _WAIT.search(asked)
        self._confirm(int(offset[1]) if offset else 0)
        self._forget_poll()
        loop = asyncio.get_running_loop()
        seconds = int(wait[1]) if wait else 0
        self._poll = (connection, loop.call_later(seconds, self._deliver))
        if self._updates or self._storm:
            self._deliver()

    def _deliver(self) -> None:
        self._is_due = False
        if self._poll is None:
            return
        there, _ = self._poll
        self._forget_poll()
        if there.is_open:
            there.reply(b'{"ok":true,"result":[%s]}' % b",".join(self._batch()))

    def _batch(self) -> list[bytes]:
        if not self._storm:
            return [self._updates[one] for one in islice(self._updates, MAX_BATCH_SIZE)]
        count = min(MAX_BATCH_SIZE, len(self._storm))
        self._handed = [self._storm.popleft() for _ in range(count)]
        return [told for _, told in self._handed]

    def _confirm(self, offset: int) -> None:
        """Forget what an offset confirms; a bot that begins anew confirms nothing."""
        if offset <= 0:
            self._storm.extendleft(reversed(self._handed))
        self._handed = []
        for update_id in [one for one in self._updates if one < offset]:
            del self._updates[update_id]

    def _forget_poll(self) -> None:
        if self._poll is not None:
            self._poll[1].cancel()
            self._poll = None

    @property
    def waiting(self) -> int:
        """Return how many updates no offset has confirmed."""
        return len(self._updates) + len(self._storm) + len(self._handed)


def _read(body: bytes) -> tuple[int, int, str]:
    """Return chat, message (0 for a new one) and text of a call, from a form or from JSON."""
    if body[:1] == b"{":
        values = json.loads(body)
        return int(values["chat_id"]), int(values.get("message_id", 0)), values["text"]
    chat, message, text = _CHAT.search(body), _MESSAGE.search(body), _TEXT.search(body)
    if chat is None or text is None:
        values = dict(parse_qsl(body.decode()))
        return int(values["chat_id"]), int(values.get("message_id", 0)), values["text"]
    return int(chat[1]), int(message[1]) if message else 0, _decoded(text[1])


@lru_cache(maxsize=64)
def _decoded(text: bytes) -> str:
    return unquote_plus(text.decode())


@lru_cache(maxsize=64)
def _quoted(text: str) -> bytes:
    return json.dumps(text).encode()


def _error(code: int, words: str, retry_after: int) -> bytes:
    values = {"ok": False, "error_code": code, "description": words}
    return json.dumps({**values, "parameters": {"retry_after": retry_after}}).encode()
