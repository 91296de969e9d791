"""Calls to a server of the OpenAI protocol from the event loop, without the `openai` package.

What a chat calls are plain requests: the package would cost it 23 MB, a second of imports and a
millisecond a call. Nobody tries twice here either.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import aiohttp

from merlin import __version__
from merlin.adapters.openai_faults import Garbage, Refusal, of_status, short
from merlin.core.body import joined
from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.loopback import is_loopback

CONNECT_S = 5.0
KEEP_S = 20.0
# What is longer is no answer but an attack on memory, or a server that has gone wrong.
LARGEST_ANSWER = 16_000_000
_LARGEST_REFUSAL = 64 * 1024
# aiohttp's word for it.
_ANY_NUMBER = 0
_OK = range(200, 300)
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
Json = Mapping[str, object]
# The body of a POST; None makes it a GET.
Asked = Json | aiohttp.FormData | None


class Calls:
    """The calls of one account at one server, as many side by side as are wanted."""

    def __init__(self, base_url: str, credential: str) -> None:
        """Take one entry of `providers`; nothing is opened before the first call."""
        self._root = base_url.rstrip("/")
        self._credential = credential or "none"
        self._session: aiohttp.ClientSession | None = None

    async def json(self, path: str, asked: Asked, total_s: float) -> Json:
        """Return the JSON object that answers, within `total_s`. Raises as `send` does."""
        async with asyncio.timeout(total_s):
            # The first byte of a whole answer comes with its last: silence is no sign there.
            async with self.send(path, asked, total_s, total_s) as answer:
                return json_object(await whole_of(answer))

    @asynccontextmanager
    async def send(
        self, path: str, asked: Asked, total_s: float, between_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield what answers a POST, or a GET where nothing is `asked`.

        Its beginning comes within `total_s`, and each byte within `between_s` of the one before;
        who reads it bounds the whole. Raises ProviderError and its kinds for a refusal, and what
        `call_errors` turns into them.
        """
        async with asyncio.timeout(total_s):
            answer = await self._request(path, asked, min(between_s, total_s))
        async with answer:
            if answer.status not in _OK:
                told = _told(await asyncio.wait_for(_refusal_of(answer), total_s))
                refusal = Refusal(answer.status, answer.headers, told, path)
                raise of_status(refusal, ProviderBusy)
            yield answer

    async def _request(self, path: str, asked: Asked, between_s: float) -> aiohttp.ClientResponse:
        body, headers = (asked, {}) if isinstance(asked, aiohttp.FormData) else _dumped(asked)
        return await self._opened().request(
            "GET" if asked is None else "POST",
            f"{self._root}{path}",
            data=body,
            headers=headers,
            timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_S, sock_read=between_s),
            allow_redirects=False,
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_ANY_NUMBER, keepalive_timeout=KEEP_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_headers(self._credential),
                # No proxy of the environment counts for a server on this machine.
                trust_env=not is_loopback(urlsplit(self._root).hostname),
            )
        return self._session

    async def aclose(self) -> None:
        """Let all connections go; to be awaited in the loop that called."""
        if self._session is not None:
            await self._session.close()


def _headers(credential: str) -> dict[str, str]:
    if not (credential.isascii() and credential.isprintable()):
        raise ProviderError("the call cannot be sent: such a credential fits into no header")
    return {
        "Authorization": f"Bearer {credential}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"merlin/{__version__}",
    }


def _dumped(asked: Json | None) -> tuple[bytes | None, dict[str, str]]:
    if asked is None:
        return None, {}
    told = json.dumps(asked, ensure_ascii=False, separators=(",", ":"))
    return told.encode(), {"Content-Type": "application/json"}


async def whole_of(answer: aiohttp.ClientResponse) -> bytes:
    """Return the whole of an answer. Raises Garbage for one that is too long."""
    too_long = Garbage(f"longer than {LARGEST_ANSWER // 1_000_000} MB")
    return await joined(answer.content.iter_any(), LARGEST_ANSWER, too_long)


async def _refusal_of(answer: aiohttp.ClientResponse) -> bytes:
    """Return what a refusal says, nothing where it is too long to be one."""
    try:
        return await joined(answer.content.iter_any(), _LARGEST_REFUSAL, Garbage())
    except Garbage:
        return b""


def json_object(content: bytes) -> Json:
    """Return the JSON object of an answer. Raises Garbage for everything else."""
    try:
        told = json.loads(content)
    except ValueError as error:
        raise Garbage(f"no JSON: {content[:60]!r}") from error
    if not isinstance(told, dict):
        raise Garbage(f"no JSON object: {content[:60]!r}")
    return told


def _told(content: bytes) -> object:
    """Return what a refusal says, None where that is no JSON."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return told.get("error", told) if isinstance(told, dict) else told


@contextmanager
def call_errors() -> Iterator[None]:
    """Turn everything that a call and its reading can raise into ProviderError and its kinds.

    No call of a chat creates anything, so doubt about one is no more than ProviderBusy.
    """
    try:
        yield
    except _NEVER_SENT as error:
        raise ProviderBusy(f"the provider cannot be reached: {_named(error)}") from error
    except (aiohttp.InvalidURL, UnicodeEncodeError) as error:
        raise ProviderError(f"the call cannot be sent: {_named(error)}") from error
    except TimeoutError as error:
        raise ProviderBusy("the provider took too long") from error
    except (aiohttp.ClientError, OSError) as error:
        raise ProviderBusy(f"the connection to the provider broke: {_named(error)}") from error
    except (Garbage, UnicodeDecodeError, RecursionError) as error:
        raise ProviderBusy(f"the provider's answer is unreadable: {short(str(error))}") from error


def _named(error: Exception) -> str:
    return short(f"{type(error).__name__} {error}".strip())
