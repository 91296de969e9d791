"""A fast stand-in of Telegram for the bench: stores updates until confirmed, answers calls."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import cycle, islice
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
    {
        "ok": True,
        "result": {
            "id": 123456789,
            "is_bot": True,
            "first_name": "M",
            "username": "mbot",
        },
    }
).encode()
# Called with chat, message id and current text.
MessageListener = Callable[[int, int, str], None]


class Telegram:
    """The Bot API; `on_message` is called for every text."""

    def __init__(self) -> None:
        self.on_message: MessageListener = lambda _chat, _message, _text: None
        self.poll_arrived = asyncio.Event()
        self._updates: dict[int, bytes] = {}
        self._next_update = 1
        self._next_message = 1000
        self._poll: tuple[Connection, asyncio.TimerHandle] | None = None
        self._now = int(time.time())
        self._is_delivery_due = False
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
        if method == "getMe":
            connection.reply(_ME)
        elif method in {"sendMessage", "editMessageText"}:
            self._show(body, connection)
        else:
            connection.reply(_DONE)

    def _show(self, body: bytes, connection: Connection) -> None:
        chat_id, message_id, text = _parse_call(body)
        if not message_id:
            self._next_message += 1
            message_id = self._next_message
        connection.reply(
            b'{"ok":true,"result":{"message_id":%d,"date":%d,"from":{"id":123456789,"is_bot":true,'
            b'"first_name":"M","username":"mbot"},"chat":{"id":%d,"type":"private","first_name":'
            b'"U"},"text":%s}}' % (message_id, self._now, chat_id, _encode_json(text))
        )
        self.on_message(chat_id, message_id, text)

    def say(self, chat_id: int, text: str) -> None:
        """Queue a person's message for the bot."""
        person = {
            "id": chat_id,
            "is_bot": False,
            "first_name": "U",
            "language_code": "ru",
        }
        self._next_message += 1
        message = {
            "message_id": self._next_message,
            "date": self._now,
            "chat": {"id": chat_id, "type": "private", "first_name": "U"},
            "from": person,
            "text": text,
        }
        update = json.dumps(
            {"update_id": self._next_update, "message": message}
        ).encode()
        if self._session is not None:
            push = asyncio.create_task(self._push(update))
            self._pushes.add(push)
            push.add_done_callback(self._pushes.discard)
        else:
            self._updates[self._next_update] = update
            self._wake()
        self._next_update += 1

    def push_to(self, urls: Sequence[str], secret: str) -> None:
        """From now on post each update to these webhooks in turn, until one accepts it."""
        headers = {
            "X-Telegram-Bot-Api-Secret-Token": secret,
            "Content-Type": "application/json",
        }
        self._session = aiohttp.ClientSession(headers=headers)
        self._hooks = cycle(urls)

    async def close(self) -> None:
        """Close the connections to webhooks."""
        if self._session is not None:
            await self._session.close()

    async def _push(self, update: bytes) -> None:
        assert self._session is not None
        while True:
            async with self._session.post(next(self._hooks), data=update) as answer:
                if answer.ok:
                    return

    def _wake(self) -> None:
        if self._poll is not None and not self._is_delivery_due:
            self._is_delivery_due = True
            asyncio.get_running_loop().call_soon(self._deliver)

    def _get_updates(self, query: bytes, connection: Connection) -> None:
        self.poll_arrived.set()
        offset = _OFFSET.search(query)
        wait = _WAIT.search(query)
        self._confirm(int(offset[1]) if offset else 0)
        self._forget_poll()
        loop = asyncio.get_running_loop()
        seconds = int(wait[1]) if wait else 0
        self._poll = (connection, loop.call_later(seconds, self._deliver))
        if self._updates:
            self._deliver()

    def _deliver(self) -> None:
        self._is_delivery_due = False
        if self._poll is None:
            return
        connection, _ = self._poll
        self._forget_poll()
        if connection.is_open:
            batch = [
                self._updates[number]
                for number in islice(self._updates, MAX_BATCH_SIZE)
            ]
            connection.reply(b'{"ok":true,"result":[%s]}' % b",".join(batch))

    def _confirm(self, offset: int) -> None:
        """Delete the updates that an offset confirms."""
        for update_id in [
            update_id for update_id in self._updates if update_id < offset
        ]:
            del self._updates[update_id]

    def _forget_poll(self) -> None:
        if self._poll is not None:
            self._poll[1].cancel()
            self._poll = None


def _parse_call(body: bytes) -> tuple[int, int, str]:
    """Return chat, message (0 for a new one) and text of a call, from a form or from JSON."""
    if body[:1] == b"{":
        values = json.loads(body)
        return int(values["chat_id"]), int(values.get("message_id", 0)), values["text"]
    chat = _CHAT.search(body)
    message = _MESSAGE.search(body)
    text = _TEXT.search(body)
    if chat is None or text is None:
        values = dict(parse_qsl(body.decode()))
        return int(values["chat_id"]), int(values.get("message_id", 0)), values["text"]
    return int(chat[1]), int(message[1]) if message else 0, _decode(text[1])


@lru_cache(maxsize=64)
def _decode(text: bytes) -> str:
    return unquote_plus(text.decode())


@lru_cache(maxsize=64)
def _encode_json(text: str) -> bytes:
    return json.dumps(text).encode()
