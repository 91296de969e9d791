"""An asyncio client for servers of the OpenAI protocol, without the `openai` package.

The package would cost the chat process 23 MB, a second of import time and a millisecond per call.
Nothing is retried here. Stream events are parsed as JSON: the package builds a tree of validated
objects for each chunk, ten times as expensive. Source of the format: WHATWG HTML, 9.2 "Server-sent
events"; all servers of the protocol send each event as one line.
"""

import asyncio
import codecs
import json
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import quote, urlsplit

import aiohttp

from merlin import __version__
from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.network import is_loopback
from merlin.core.server import join_chunks
from merlin.openai_protocol.errors import (
    InvalidResponse,
    Json,
    error_in,
    error_of_status,
    json_object,
    one_line,
)

CONNECT_S = 5.0
KEEP_S = 20.0
# Longer responses are rejected: a faulty or hostile server must not exhaust memory.
MAX_RESPONSE_BYTES = 16_000_000
# Each streamed token arrives in a chunk of a few hundred bytes.
MAX_STREAM_BYTES = 4 * MAX_RESPONSE_BYTES
MAX_EVENT_BYTES = 1_000_000
_MAX_ERROR_BYTES = 64 * 1024
_OK = range(200, 300)
_DONE = b"[DONE]"
_NOTHING = b"null"
# A comment has no name.
_EVENT_FIELDS = (b"", b"data", b"event", b"id", b"retry")
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
# The body of a POST; None means GET.
Body = Json | aiohttp.FormData | None


class ProtocolClient:
    """A client for one account at one server; concurrent requests are not limited."""

    def __init__(self, base_url: str, credential: str, api_version: str = "") -> None:
        """Take the server's base URL and the API key.

        `api_version` is that of Azure's dated API, which has the model in the path and the key in a
        header of its own.
        """
        self._root = base_url.rstrip("/")
        self._credential = credential or "none"
        self._api_version = api_version
        self._session: aiohttp.ClientSession | None = None

    async def json(self, path: str, body: Body, total_s: float) -> Json:
        """Return the response's JSON object within `total_s` seconds. Raises as `send` does."""
        async with asyncio.timeout(total_s):
            # A response that is not streamed arrives all at once: no read timeout before `total_s`.
            async with self.send(path, body, total_s, total_s) as response:
                return json_object(await read_whole(response))

    @asynccontextmanager
    async def send(
        self,
        path: str,
        body: Body,
        total_s: float,
        between_s: float,
        language: str = "",
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield the response to a POST, or to a GET without a `body`.

        `language` is sent as Accept-Language, "" for none.
        The headers must arrive within `total_s` seconds, and each read within `between_s`; the
        caller limits the time of the complete body. Raises ProviderError or a subclass for an
        error response, and the exceptions that `call_errors` converts.
        """
        data = (
            json.dumps(body, ensure_ascii=False).encode()
            if isinstance(body, Mapping)
            else body
        )
        headers = (
            {"Content-Type": "application/json"} if isinstance(data, bytes) else {}
        )
        headers |= {"Accept-Language": language} if language else {}
        async with asyncio.timeout(total_s):
            response = await self._open_session().request(
                "GET" if body is None else "POST",
                self._url_of(path, body),
                data=data,
                headers=headers,
                timeout=aiohttp.ClientTimeout(
                    sock_connect=CONNECT_S, sock_read=min(between_s, total_s)
                ),
                allow_redirects=False,
            )
        async with response:
            if response.status not in _OK:
                try:
                    reading = read_whole(response, _MAX_ERROR_BYTES)
                    error = error_in(await asyncio.wait_for(reading, total_s))
                except InvalidResponse:  # too long to be a refusal
                    error = None
                raise error_of_status(
                    response.status, response.headers, error, path, ProviderBusy
                )
            yield response

    def _url_of(self, path: str, body: Body) -> str:
        if not self._api_version:
            return f"{self._root}{path}"
        place = ""
        if isinstance(body, Mapping):
            place = f"/deployments/{quote(str(body['model']), safe='')}"
        return f"{self._root}{place}{path}?api-version={self._api_version}"

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            key = {"Authorization": f"Bearer {self._credential}"}
            if self._api_version:
                key = {"api-key": self._credential}
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={
                    **key,
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    "User-Agent": f"merlin/{__version__}",
                },
                # Ignore the environment's proxy settings for a server on this machine.
                trust_env=not is_loopback(urlsplit(self._root).hostname),
            )
        return self._session

    async def aclose(self) -> None:
        """Close all connections; await it in the event loop that made the calls."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def read_whole(
    response: aiohttp.ClientResponse, largest: int = MAX_RESPONSE_BYTES
) -> bytes:
    """Return the complete body. Raises InvalidResponse if it is longer than `largest` bytes."""
    too_long = InvalidResponse(f"longer than {largest // 1_000_000} MB")
    return await join_chunks(response.content.iter_any(), largest, too_long)


async def read_events(
    response: aiohttp.ClientResponse,
    total_s: float = math.inf,
    on_done: Callable[[], object] = lambda: None,
) -> AsyncGenerator[Json, None]:
    """Yield the JSON objects of a streamed response, each a line of data, until `[DONE]`.

    `on_done` is called at `[DONE]`. A line of `null` says nothing, and is left out.
    A body without an event is one object: an error, or the answer of a server that does not stream.
    `total_s` limits the total time spent waiting for data, without the consumer's time. Raises
    InvalidResponse, and the exceptions that `call_errors` converts into ProviderError.
    """
    size = 0
    is_open = True
    is_done = False
    begun = time.monotonic()
    has_events = False
    other_lines = b""
    rest = b""
    # Read to the end, so that the connection can be used again.
    while is_open:
        content = await response.content.readany()
        is_open = bool(content)
        total_s -= time.monotonic() - begun
        if total_s < 0:
            raise TimeoutError
        size += len(content)
        # At the end of the stream the last line ends too.
        *lines, rest = (rest + (content or b"\n")).split(b"\n")
        _check_size(size, rest)
        # The BOM, which a stream may begin with, is no part of its first line.
        for line in (each.strip().removeprefix(codecs.BOM_UTF8) for each in lines):
            name, _, value = line.partition(b":")
            is_event = name == b"data" and not is_done
            if is_event and value.strip() == _DONE:
                is_done = True
                on_done()
            elif is_event:
                has_events = True
                if value.strip() != _NOTHING:
                    yield json_object(value)
            elif name not in _EVENT_FIELDS and len(other_lines) < MAX_EVENT_BYTES:
                other_lines += line + b"\n"
        begun = time.monotonic()
    if other_lines.strip() and not has_events and not is_done:
        yield json_object(other_lines)


def _check_size(size: int, rest: bytes) -> None:
    """Raise InvalidResponse for a stream of too many bytes, or whose last line is too long."""
    if size > MAX_STREAM_BYTES:
        raise InvalidResponse(f"longer than {MAX_STREAM_BYTES // 1_000_000} MB")
    if len(rest) > MAX_EVENT_BYTES:
        raise InvalidResponse("an event without an end")


@contextmanager
def call_errors() -> Iterator[None]:
    """Convert every exception of a request and its reading into ProviderError or a subclass.

    Chat requests create nothing, so an unclear outcome is ProviderBusy, not ProviderUnknown.
    """
    try:
        yield
    except _NEVER_SENT as error:
        words = f"the provider cannot be reached: {_error_name(error)}"
        raise ProviderBusy(words, reason="unreached") from error
    except (aiohttp.InvalidURL, UnicodeEncodeError) as error:
        raise ProviderError(f"the call cannot be sent: {_error_name(error)}") from error
    except TimeoutError as error:
        raise ProviderBusy("the provider took too long", reason="slow") from error
    except (aiohttp.ClientError, OSError) as error:
        words = f"the connection to the provider broke: {_error_name(error)}"
        raise ProviderBusy(words, reason="broken") from error
    except (InvalidResponse, UnicodeDecodeError, RecursionError) as error:
        words = f"the provider's answer is unreadable: {one_line(str(error))}"
        raise ProviderBusy(words, reason="unreadable") from error


def _error_name(error: Exception) -> str:
    return one_line(f"{type(error).__name__} {error}".strip())
