"""The client of a server of the OpenAI protocol for the event loop, without the `openai` package.

The package would cost a chat 23 MB, a second of imports and a millisecond a call. Nothing is
retried here. The events of a stream are read from its bytes: the package builds a tree of checked
objects for each chunk, which costs ten times what the chunk's JSON does. Source of their format:
WHATWG HTML, 9.2 "Server-sent events".
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import aiohttp

from merlin import __version__
from merlin.core.errors import ProviderBusy, ProviderError
from merlin.core.loopback import is_loopback
from merlin.core.server import join_pieces
from merlin.core.tracing import trace_headers
from merlin.openai_protocol.errors import InvalidResponse, error_in, error_of_status, one_line

# Which project of an account pays; the folder at Yandex Cloud.
PROJECT = "OpenAI-Project"
CONNECT_S = 5.0
KEEP_S = 20.0
# What is longer is no answer but an attack on memory, or a server that has gone wrong.
MAX_RESPONSE_BYTES = 16_000_000
# A token comes in a chunk of a few hundred bytes.
MAX_STREAM_BYTES = 4 * MAX_RESPONSE_BYTES
MAX_EVENT_BYTES = 1_000_000
_MAX_ERROR_BYTES = 64 * 1024
JSON_SENT = {"Content-Type": "application/json"}
# aiohttp's word for it.
_ANY_NUMBER = 0
_OK = range(200, 300)
_DONE = b"[DONE]"
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
Json = Mapping[str, object]
# The body of a POST; None makes it a GET.
Body = Json | aiohttp.FormData | None


class ProtocolClient:
    """The calls of one account at one server, as many side by side as are wanted."""

    def __init__(self, base_url: str, credential: str, project: str = "") -> None:
        """Take where the server is, its key and the project there, "" for none."""
        self._root = base_url.rstrip("/")
        self._credential = credential or "none"
        self._project = {PROJECT: project} if project else {}
        self._session: aiohttp.ClientSession | None = None

    async def json(self, path: str, body: Body, total_s: float) -> Json:
        """Return the JSON object that answers, within `total_s`. Raises as `send` does."""
        async with asyncio.timeout(total_s):
            # The first byte of a whole answer comes with its last: silence is no sign there.
            async with self.send(path, body, total_s, total_s) as response:
                return json_object(await read_whole(response))

    @asynccontextmanager
    async def send(
        self, path: str, body: Body, total_s: float, between_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield what answers a POST, or a GET without a `body`.

        Its beginning comes within `total_s`, and each byte within `between_s` of the one before;
        who reads it bounds the whole. Raises ProviderError and its kinds for a refusal, and what
        `call_errors` turns into them.
        """
        data: bytes | aiohttp.FormData | None
        if isinstance(body, Mapping):
            data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        else:
            data = body
        sock_read = min(between_s, total_s)
        async with asyncio.timeout(total_s):
            response = await self._opened().request(
                "GET" if body is None else "POST",
                f"{self._root}{path}",
                data=data,
                headers=trace_headers() | (JSON_SENT if isinstance(data, bytes) else {}),
                timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_S, sock_read=sock_read),
                allow_redirects=False,
            )
        async with response:
            if response.status not in _OK:
                try:
                    reading = read_whole(response, _MAX_ERROR_BYTES)
                    error = error_in(await asyncio.wait_for(reading, total_s))
                except InvalidResponse:  # too long to be a refusal
                    error = None
                status, headers = response.status, response.headers
                raise error_of_status(status, headers, error, path, ProviderBusy)
            yield response

    def _opened(self) -> aiohttp.ClientSession:
        if not (self._credential.isascii() and self._credential.isprintable()):
            raise ProviderError("the call cannot be sent: such a credential fits into no header")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_ANY_NUMBER, keepalive_timeout=KEEP_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={
                    "Authorization": f"Bearer {self._credential}",
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    "User-Agent": f"merlin/{__version__}",
                    **self._project,
                },
                # No proxy of the environment counts for a server on this machine.
                trust_env=not is_loopback(urlsplit(self._root).hostname),
            )
        return self._session

    async def aclose(self) -> None:
        """Let all connections go; to be awaited in the loop that called."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def read_whole(response: aiohttp.ClientResponse, largest: int = MAX_RESPONSE_BYTES) -> bytes:
    """Return the whole of an answer. Raises InvalidResponse for one that is too long."""
    too_long = InvalidResponse(f"longer than {largest // 1_000_000} MB")
    return await join_pieces(response.content.iter_any(), largest, too_long)


def json_object(content: bytes) -> Json:
    """Return the JSON object of an answer. Raises InvalidResponse for everything else."""
    try:
        read = json.loads(content)
    except ValueError as error:
        is_page = content.lstrip()[:1] == b"<"
        found = "a web page: is base_url right?" if is_page else f"no JSON: {content[:60]!r}"
        raise InvalidResponse(found) from error
    if not isinstance(read, dict):
        raise InvalidResponse(f"no JSON object: {content[:60]!r}")
    return read


async def read_events(
    response: aiohttp.ClientResponse, total_s: float = math.inf
) -> AsyncGenerator[Json, None]:
    """Yield the objects of a streamed answer.

    `total_s` bounds the waiting for it as a whole, not what is done with it in between. Raises
    InvalidResponse, and what `call_errors` turns into ProviderError.
    """
    events, size, begun = EventReader(), 0, time.monotonic()
    async for content in response.content.iter_any():
        total_s -= time.monotonic() - begun
        if total_s < 0:
            raise TimeoutError
        size += len(content)
        if size > MAX_STREAM_BYTES:
            raise InvalidResponse(f"longer than {MAX_STREAM_BYTES // 1_000_000} MB")
        for event in events.feed(content):
            yield event
        begun = time.monotonic()


class EventReader:
    """The events of one answer; bytes come in as the network cuts them."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self.is_done = False

    def feed(self, content: bytes) -> Iterator[Json]:
        """Yield the objects of the events that are whole now. Raises InvalidResponse."""
        # A CR at the very end may be half of a CRLF, so it waits for what follows.
        *lines, self._rest = _lines(self._rest + content)
        if len(self._rest) > MAX_EVENT_BYTES:
            raise InvalidResponse("an event without an end")
        for line in lines:
            if line:
                self._take(line)
            elif self._data:
                data, self._data, self._size = b"\n".join(self._data), [], 0
                if data.startswith(_DONE):
                    self.is_done = True
                elif not self.is_done:
                    yield json_object(data)

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._size += len(value)
            if self._size > MAX_EVENT_BYTES:
                raise InvalidResponse("an event without an end")
            self._data.append(value.removeprefix(b" "))


def _lines(content: bytes) -> list[bytes]:
    if b"\r" in content:
        held = b"\r" if content.endswith(b"\r") else b""
        content = content[: len(content) - len(held)]
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = content.split(b"\n")
        return [*lines, rest + held]
    return content.split(b"\n")


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
    except (InvalidResponse, UnicodeDecodeError, RecursionError) as error:
        words = one_line(str(error))
        raise ProviderBusy(f"the provider's answer is unreadable: {words}") from error


def _named(error: Exception) -> str:
    return one_line(f"{type(error).__name__} {error}".strip())
