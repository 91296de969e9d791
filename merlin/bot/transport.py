"""python-telegram-bot's HTTP by aiohttp, one session with keep-alive; whether Telegram answers.

The stock transport walks its whole connection list for every request; this one takes a free
connection in O(1). No error text holds the address, because the address holds the bot's token.
That Telegram stopped answering is told once, and once when it is back.

Telegram's flood limits are kept per chat, so that one flooded chat stops nobody else. Three
classes of requests: `URGENT` (answers to queries, which have a deadline) never waits. `FINAL`
waits for its turn and, after a 429, exactly as long as Telegram said. `PROGRESS` (edits of an
answer that is being written) never waits: near a limit it gives way by raising `GaveWay`.
Source of the limits: grammY "Scaling Up IV", python-telegram-bot `FloodLimit`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import aiohttp
from telegram.error import NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.ext import BaseRateLimiter
from telegram.request import BaseRequest, RequestData

from merlin.config.settings import TelegramLimits
from merlin.core.log import get_logger, redact
from merlin.core.rate_limit import TokenBucket

log = get_logger(__name__)

# One request that goes wrong on a line that works is no news.
TOLD_AFTER = 3
FIRST_PAUSE_S = 0.5
_MAX_DOUBLINGS = 10


async def pause(attempt: int, longest_s: float) -> None:
    """Wait: longer after each of the attempts (counted from 0), and never all at one moment."""
    most = min(longest_s, FIRST_PAUSE_S * 2 ** min(attempt, _MAX_DOUBLINGS))
    await asyncio.sleep(most * (0.5 + random.random() / 2))  # noqa: S311 - spreads load


class ConnectionState:
    """What all calls of one bot have met lately."""

    def __init__(self, longest_pause_s: float) -> None:
        self._longest_pause_s = longest_pause_s
        self._failed = 0

    @property
    def is_down(self) -> bool:
        """Return whether Telegram has not answered several times in a row."""
        return self._failed >= TOLD_AFTER

    def works(self) -> None:
        """Note that Telegram answered."""
        if self.is_down:
            log.info("telegram answers again", failed_calls=self._failed)
        self._failed = 0

    def fails(self, error: Exception) -> None:
        """Note that Telegram did not answer."""
        self._failed += 1
        if self._failed == TOLD_AFTER:
            log.error("telegram does not answer", reason=redact(str(error)))

    async def pause(self, attempt: int) -> None:
        """Wait before trying again."""
        await pause(attempt, self._longest_pause_s)


CONNECT_S = 5.0
READ_S = 20.0
KEEP_ALIVE_S = 15.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class NotSent(NetworkError):
    """No connection came about: Telegram never saw the request, so it is safe to send again."""

    __slots__ = ()


class AiohttpRequest(BaseRequest):
    """All requests of one bot over one aiohttp session, as many at once as there are."""

    def __init__(self, connect_s: float = CONNECT_S, read_s: float = READ_S) -> None:
        self._connect_s = connect_s
        self._read_s = read_s
        self._session: aiohttp.ClientSession | None = None
        # How often Telegram said 429: too many requests.
        self.floods = 0

    @property
    def read_timeout(self) -> float | None:
        """Return how long the bytes of an answer may be awaited, in seconds."""
        return self._read_s

    async def initialize(self) -> None:
        """Open the session; a second call changes nothing."""
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S)
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers={"User-Agent": self.USER_AGENT},
                cookie_jar=aiohttp.DummyCookieJar(),
            )

    async def shutdown(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: object = BaseRequest.DEFAULT_NONE,
        write_timeout: object = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 - its own
        connect_timeout: object = BaseRequest.DEFAULT_NONE,
        pool_timeout: object = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 - its own
    ) -> tuple[int, bytes]:
        """Return status and body of one request.

        Raises NotSent when it surely never arrived, TimedOut and NetworkError when nobody knows.
        """
        connect_s = _given(connect_timeout, self._connect_s)
        read_s = _given(read_timeout, self._read_s)
        body, headers = _body(request_data)
        async with self.open(method, url, body, headers, connect_s, read_s) as answer:
            self.floods += answer.status == HTTPStatus.TOO_MANY_REQUESTS
            return answer.status, await answer.read()

    @asynccontextmanager
    async def open(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        connect_s: float | None = CONNECT_S,
        read_s: float | None = READ_S,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield what answers a request, to be read there. Raises as `do_request` does."""
        if self._session is None:
            raise NotSent("the transport is not open")
        wait = aiohttp.ClientTimeout(total=None, sock_connect=connect_s, sock_read=read_s)
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, timeout=wait, allow_redirects=False
            ) as answer:
                yield answer
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(f"no connection: {type(error).__name__}") from _nameless(error)
        except TimeoutError as error:
            raise TimedOut(f"no answer in time: {type(error).__name__}") from _nameless(error)
        except (aiohttp.ClientError, OSError) as error:
            raise NetworkError(f"connection broke: {type(error).__name__}") from _nameless(error)


def _given(wanted: object, default: float) -> float | None:
    # The library's own default is an object that stands for "not given".
    return wanted if wanted is None or isinstance(wanted, int | float) else default


def _nameless(error: Exception) -> Exception | None:
    # An invalid address is told with the address, and that holds the token.
    return None if isinstance(error, aiohttp.InvalidURL) else error


def _body(data: RequestData | None) -> tuple[Any, dict[str, str]]:
    """Return body and headers: a plain form, or a multipart one when files go along."""
    if data is None:
        return None, {}
    if not data.contains_files:
        return urlencode(data.json_parameters).encode(), FORM
    # Telegram takes names of files as they are, in UTF-8; quoted ones would show as %D1%91.
    form = aiohttp.FormData(data.json_parameters, quote_fields=False)
    for name, file in data.multipart_data.items():
        filename, content, mime = file
        form.add_field(name, content, filename=filename, content_type=mime)
    return form, {}


PRIVATE_BURST = 3
GROUP_BURST = 3
# A progress edit takes one place, and one stays for a final edit.
_SPARE = 2.0
MAX_CHATS = 4096


class SendClass(StrEnum):
    """How a request stands towards the limits; passed as `rate_limit_args`."""

    URGENT = "urgent"
    FINAL = "final"
    PROGRESS = "progress"


class GaveWay(TelegramError):
    """A progress edit was not sent, because a limit is near or the chat must cool down."""


@dataclass(slots=True)
class Chat:
    """The pace of one chat, and until when it must cool down (seconds of the loop's clock)."""

    bucket: TokenBucket
    cool_until: float = 0.0

    def is_idle(self, now: float) -> bool:
        """Return whether forgetting this chat changes nothing."""
        return not self.bucket.full_in_s(now) and self.cool_until <= now


class RateLimiter(BaseRateLimiter[SendClass]):
    """Paces every request but getUpdates; a 429 is waited out here, for its own chat alone."""

    def __init__(self, limits: TelegramLimits) -> None:
        self._limits = limits
        per_s = limits.overall_per_s
        # A sixth of a second's worth at once: the worst second stays near the limit.
        self._overall = TokenBucket(per_s, max(1.0, per_s / 6))
        self._chats: dict[str, Chat] = {}

    async def initialize(self) -> None:
        """Nothing is to be opened."""

    async def shutdown(self) -> None:
        """Nothing is to be closed."""

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Any]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: SendClass | None,
    ) -> Any:
        """Make the request when its chat and the whole may; return its answer.

        Raises GaveWay for a progress edit that would have to wait, RetryAfter for a request
        that belongs to no chat, and whatever the request itself raises.
        """
        is_answer = endpoint.startswith("answer") and endpoint.endswith("Query")
        lane = SendClass.URGENT if is_answer else rate_limit_args or SendClass.FINAL
        chat_id = data.get("chat_id")
        if lane is SendClass.URGENT or chat_id is None:
            return await callback(*args, **kwargs)
        chat = self._chat(str(chat_id))
        while True:
            await self._turn(chat, lane)
            try:
                return await callback(*args, **kwargs)
            except RetryAfter as flood:
                wait = flood.retry_after
                seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
                chat.cool_until = max(chat.cool_until, _now() + seconds)
                log.warning("telegram asks a chat to wait", chat=str(chat_id), seconds=seconds)
                if lane is SendClass.PROGRESS:
                    raise GaveWay("flood wait") from flood

    async def _turn(self, chat: Chat, lane: SendClass) -> None:
        now = _now()
        if lane is SendClass.PROGRESS:
            buckets = chat.bucket, self._overall
            if chat.cool_until > now or not all(bucket.has(_SPARE, now) for bucket in buckets):
                raise GaveWay("a limit is near")
            for bucket in buckets:
                bucket.reserve(now)
            return
        await _sleep_until(now + chat.bucket.reserve(now))
        while chat.cool_until > _now():
            await _sleep_until(chat.cool_until)
        now = _now()
        await _sleep_until(now + self._overall.reserve(now))

    def _chat(self, chat_id: str) -> Chat:
        chat = self._chats.get(chat_id)
        if chat is not None:
            return chat
        if len(self._chats) >= MAX_CHATS:
            now = _now()
            self._chats = {key: one for key, one in self._chats.items() if not one.is_idle(now)}
        bucket = TokenBucket(self._limits.group_per_min / 60, GROUP_BURST)
        if chat_id.isdecimal():
            bucket = TokenBucket(self._limits.private_per_s, PRIVATE_BURST)
        chat = self._chats[chat_id] = Chat(bucket)
        return chat


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _sleep_until(moment: float) -> None:
    wait = moment - _now()
    if wait > 0:
        await asyncio.sleep(wait)
