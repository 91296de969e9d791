"""HTTP transport for python-telegram-bot on aiohttp, and its rate limiter.

One session with keep-alive. The library's own transport scans its connection list for each
request; this one takes a free connection in O(1). Errors never contain the URL, because the URL
contains the bot's token. An outage of Telegram is logged once, and its end once. With a proxy every
request goes through it: over HTTP by aiohttp, over SOCKS by aiohttp-socks.

Telegram's flood limits apply per chat, so one flooded chat does not block others. A request without
a chat never waits, for answers to queries have a deadline. `FINAL` waits for its slot and, after a
429, exactly as long as Telegram demands. `PROGRESS` (edits of an unfinished answer) never waits:
near a limit it raises `EditSkipped`. `STORED` (a message of the outbox) waits for its slot and
raises RetryAfter for a flooded chat: its row must not look as if it was being sent for so long.
Source of the limits: grammY "Scaling Up IV", python-telegram-bot `FloodLimit`.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from itertools import count
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.ext import BaseRateLimiter
from telegram.request import BaseRequest, RequestData

from merlin.core.log import get_logger, redact
from merlin.core.network import is_loopback
from merlin.core.rate_limit import TokenBucket, TokenBuckets

log = get_logger(__name__)

# A single failed request on a working connection is not an outage.
DOWN_AFTER = 3
FIRST_PAUSE_S = 0.5
_MAX_DOUBLINGS = 10


async def pause(attempt: int, longest_s: float) -> None:
    """Sleep with exponential backoff and jitter; attempts are counted from 0."""
    longest = min(longest_s, FIRST_PAUSE_S * 2 ** min(attempt, _MAX_DOUBLINGS))
    await asyncio.sleep(longest * (0.5 + random.random() / 2))  # noqa: S311 - spreads load


# A connection: the name, the address, the proxy, TLS.
CONNECT_S = 10.0
READ_S = 20.0
KEEP_ALIVE_S = 15.0
LONGEST_PAUSE_S = 30.0
# What a call of the network raises; aiohttp-socks adds its own.
_FAILURES: tuple[type[Exception], ...] = (aiohttp.ClientError, OSError)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class NotSent(NetworkError):
    """No connection was established, so Telegram never got the request: a retry is safe."""

    __slots__ = ()


class ProxyRefused(NotSent):
    """The proxy does not accept the login, or demands one."""

    __slots__ = ()


class AiohttpRequest(BaseRequest):
    """All requests of one bot over one aiohttp session, with no limit on concurrency.

    It knows whether Telegram responds: the successes and failures of all calls are counted here.
    `proxy` is a URL with the login, "" for none.
    """

    def __init__(
        self,
        read_s: float = READ_S,
        longest_pause_s: float = LONGEST_PAUSE_S,
        proxy: str = "",
        connect_s: float = CONNECT_S,
    ) -> None:
        self._read_s = read_s
        self._connect_s = connect_s
        self._proxy = proxy
        self._longest_pause_s = longest_pause_s
        self._failures = _FAILURES
        self._session: aiohttp.ClientSession | None = None
        self._failed = 0
        # Number of responses with status 429, too many requests.
        self.floods = 0

    @property
    def is_down(self) -> bool:
        """Return whether several calls in a row have failed."""
        return self._failed >= DOWN_AFTER

    def record_failure(self, reason: str) -> None:
        """Count a call to which Telegram did not respond."""
        self._failed += 1
        if self._failed == DOWN_AFTER:
            log.error("telegram does not answer", reason=redact(reason))

    async def pause(self, attempt: int, error: TelegramError | None = None) -> None:
        """Wait before a retry, after a 429 as long as Telegram demands."""
        if isinstance(error, RetryAfter):
            await asyncio.sleep(seconds_of(error))
        else:
            await pause(attempt, self._longest_pause_s)

    async def retry_until_accepted(self, call: Callable[[], Awaitable[object]]) -> None:
        """Make a call, again after an error. Raises BadRequest, which a repetition gets again."""
        for attempt in count():
            try:
                await call()
            except BadRequest:
                raise
            except TelegramError as error:
                log.info("a Telegram call is tried again", reason=redact(str(error)))
            else:
                return
            await self.pause(attempt)

    @property
    def read_timeout(self) -> float | None:
        """Return the read timeout in seconds."""
        return self._read_s

    async def initialize(self) -> None:
        """Open the session; further calls have no effect."""
        if self._session is None or self._session.closed:
            pool: dict[str, Any] = {"limit": 0, "keepalive_timeout": KEEP_ALIVE_S}
            make_connector: Callable[..., aiohttp.BaseConnector] = aiohttp.TCPConnector
            proxy = self._proxy or None
            if self._proxy.startswith("socks5"):
                import aiohttp_socks as socks  # noqa: PLC0415 - few have such a proxy

                errors = (
                    socks.ProxyError,
                    socks.ProxyConnectionError,
                    socks.ProxyTimeoutError,
                )
                # EOFError: the proxy closes the connection while they speak.
                self._failures = (*_FAILURES, *errors, EOFError)
                make_connector = partial(socks.ProxyConnector.from_url, self._proxy)
                proxy = None
            connected = aiohttp.TraceConfig()
            connected.on_connection_create_end.append(_note_connection)
            connected.on_connection_reuseconn.append(_note_connection)
            self._session = aiohttp.ClientSession(
                connector=make_connector(**pool),
                proxy=proxy,
                trace_configs=[connected],
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
        connect_timeout: object = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 - its own
        pool_timeout: object = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 - its own
    ) -> tuple[int, bytes]:
        """Return status and body of one response.

        Raises NotSent if the request surely never arrived, TimedOut or NetworkError if unknown.
        """
        read_s = _timeout_or(read_timeout, self._read_s)
        body, headers = _body(request_data)
        try:
            content, status = await self._send(method, url, body, headers, read_s)
        except NetworkError as error:
            self.record_failure(str(error))
            raise
        self.floods += status == HTTPStatus.TOO_MANY_REQUESTS
        if status == HTTPStatus.UNAUTHORIZED:
            self.record_failure("it rejects the bot's token")
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.record_failure(f"status {status}")
        # A page of a proxy is no response of Telegram's.
        elif status == HTTPStatus.OK and content.startswith(b"{"):
            if self.is_down:
                log.info("telegram answers again", failed_calls=self._failed)
            self._failed = 0
        return status, content

    async def _send(
        self,
        method: str,
        url: str,
        body: Any,
        headers: Mapping[str, str],
        read_s: float | None,
    ) -> tuple[bytes, int]:
        if self._session is None:
            raise NotSent("the transport is not open")
        wait = aiohttp.ClientTimeout(
            total=None, connect=self._connect_s, sock_read=read_s
        )
        progress = SimpleNamespace(is_connected=False)
        options: dict[str, Any] = {"timeout": wait, "trace_request_ctx": progress}
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                **options,
            ) as answer:
                content = await answer.read()
                status = answer.status
        except self._failures as error:
            kind = f"{type(error).__name__} {getattr(error, 'status', '')}".strip()
            # Without the cause: its text may contain the URL, and thus the token.
            if _is_login_refused(error):
                raise ProxyRefused(f"the proxy refuses the login: {kind}") from None
            if not progress.is_connected:
                raise NotSent(f"no connection: {kind}") from None
            if isinstance(error, TimeoutError):
                raise TimedOut(f"no answer in time: {kind}") from None
            raise NetworkError(f"connection broke: {kind}") from None
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            raise ProxyRefused("the proxy refuses the login")
        return content, status


def _timeout_or(timeout: object, default: float) -> float | None:
    # The library's default is a sentinel for "not given".
    return timeout if timeout is None or isinstance(timeout, int | float) else default


async def _note_connection(
    _session: object, context: SimpleNamespace, _params: object
) -> None:
    context.trace_request_ctx.is_connected = True


def _is_login_refused(error: Exception) -> bool:
    """Return whether a proxy wants another login, or one at all."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return error.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    # aiohttp-socks has no class for it, only texts.
    return type(error).__name__ == "ProxyError" and "authentication" in str(error)


def _body(data: RequestData | None) -> tuple[Any, dict[str, str]]:
    """Return body and headers: a plain form, or a multipart one with files."""
    if data is None:
        return None, {}
    if not data.contains_files:
        return urlencode(data.json_parameters).encode(), FORM
    # Telegram expects file names in UTF-8; quoted names would be shown as %D1%91.
    form = aiohttp.FormData(data.json_parameters, quote_fields=False)
    for name, file in data.multipart_data.items():
        filename, content, mime = file
        form.add_field(name, content, filename=filename, content_type=mime)
    return form, {}


PRIVATE_BURST = 3
GROUP_BURST = 3
# A progress edit takes one slot; one is reserved for a final edit.
_SPARE = 2.0
MAX_CHATS = 4096


class SendClass(StrEnum):
    """The rate limit class of a request; passed as `rate_limit_args`."""

    FINAL = "final"
    PROGRESS = "progress"
    STORED = "stored"


def seconds_of(flood: RetryAfter) -> float:
    """Return how long Telegram demands to wait."""
    wait = flood.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


class EditSkipped(TelegramError):
    """A progress edit was not sent, because a limit is near or the chat is flooded."""


@dataclass(frozen=True, slots=True)
class TelegramLimits:
    """Telegram's limits of sending, all chats together and in one chat; 0: none.

    Source: https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this.
    """

    overall_per_s: float = 30
    private_per_s: float = 1
    group_per_min: float = 20


# A Bot API server on this machine is not paced: it says itself when to wait.
LOCAL_LIMITS = TelegramLimits(0, 0, 0)


def limits_of(base_url: str) -> TelegramLimits:
    """Return the limits of the Bot API server at an address."""
    return (
        LOCAL_LIMITS if is_loopback(urlsplit(base_url).hostname) else TelegramLimits()
    )


class RateLimiter(BaseRateLimiter[SendClass]):
    """Rate limiter of all requests but getUpdates; a 429 delays only its own chat."""

    def __init__(self, limits: TelegramLimits) -> None:
        self._limits = limits
        per_s = limits.overall_per_s
        # Bursts of a sixth of a second: the worst second stays near the limit.
        self._overall = TokenBucket(per_s, max(1.0, per_s / 6))
        self._buckets = TokenBuckets(MAX_CHATS)
        # The end of each chat's flood wait, in seconds of the loop's clock.
        self._cool_until: dict[str, float] = {}

    async def initialize(self) -> None:
        """Nothing is to be opened."""

    async def shutdown(self) -> None:
        """Nothing is to be closed."""

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Any]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,  # noqa: ARG002 - the library's
        data: dict[str, Any],
        rate_limit_args: SendClass | None,
    ) -> Any:
        """Make the request when the limits of its chat and of the bot allow; return the result.

        Raises EditSkipped for a progress edit that would have to wait, RetryAfter for a request
        that never waits and a stored message, and any error of the request itself.
        """
        send_class = rate_limit_args or SendClass.FINAL
        chat_id = data.get("chat_id")
        if chat_id is None:
            return await callback(*args, **kwargs)
        chat = str(chat_id)
        while True:
            await self._wait_for_slot(chat, send_class)
            try:
                return await callback(*args, **kwargs)
            except RetryAfter as flood:
                seconds = seconds_of(flood)
                self._cool_until[chat] = max(
                    self._cool_until.get(chat, 0), _now() + seconds
                )
                log.warning("telegram asks a chat to wait", chat=chat, seconds=seconds)
                if send_class is SendClass.PROGRESS:
                    raise EditSkipped("flood wait") from flood
                if send_class is SendClass.STORED:
                    raise

    async def _wait_for_slot(self, chat: str, send_class: SendClass) -> None:
        now = _now()
        limits = self._limits
        per_s = limits.group_per_min / 60
        burst = GROUP_BURST
        if chat.isdecimal():
            per_s = limits.private_per_s
            burst = PRIVATE_BURST
        bucket = self._buckets.get(chat, per_s, burst, now)
        if send_class is SendClass.PROGRESS:
            buckets = bucket, self._overall
            is_cooling = self._cool_until.get(chat, 0) > now
            if is_cooling or not all(bucket.has(_SPARE, now) for bucket in buckets):
                raise EditSkipped("a limit is near")
            for bucket in buckets:
                bucket.reserve(now)
            return
        await _sleep_until(now + bucket.reserve(now))
        while (until := self._cool_until.get(chat, 0)) > _now():
            if send_class is SendClass.STORED:
                raise RetryAfter(timedelta(seconds=until - _now()))
            await _sleep_until(until)
        self._cool_until.pop(chat, None)
        now = _now()
        await _sleep_until(now + self._overall.reserve(now))


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _sleep_until(moment: float) -> None:
    wait = moment - _now()
    if wait > 0:
        await asyncio.sleep(wait)
