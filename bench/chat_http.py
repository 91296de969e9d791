"""A small and fast HTTP server for the bench: one request at a time on a kept-alive connection.

It supports only requests with Content-Length, as `aiohttp`, `httpx` and the `openai` package send
them, because it must cost less than the measured programs.
"""

import asyncio
import re
from collections.abc import Callable
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_JSON = b"Content-Type: application/json\r\n"
_STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_REASONS = {200: b"OK", 404: b"Not Found", 429: b"Too Many Requests"}
# Handles a request: the target of the request line, the body, and the connection to reply to.
Handler = Callable[[bytes, bytes, "Connection"], None]


class Connection(asyncio.Protocol):
    """One connection; the handler replies with `reply`, or with `begin`, `piece` and `end`."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the base's shape
        """Discard the transport."""
        self._transport = None

    @property
    def is_open(self) -> bool:
        """Return whether the client is still connected."""
        return self._transport is not None

    def data_received(self, data: bytes) -> None:
        """Handle every complete request."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[: end + 2]
            length = _LENGTH.search(head)
            request_end = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < request_end:
                return
            body = self._buffer[end + 4 : request_end]
            self._buffer = self._buffer[request_end:]
            self._handle(head.split(b" ", 2)[1], body, self)

    def reply(self, body: bytes, status: int = 200) -> None:
        """Respond with JSON."""
        head = b"HTTP/1.1 %d %s\r\n" % (status, _REASONS[status])
        self._write(head + _JSON + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def begin(self) -> None:
        """Start a streamed response."""
        self._write(_STREAM)

    def piece(self, piece: bytes) -> None:
        """Write one chunk."""
        self._write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def end(self) -> None:
        """End a streamed response."""
        self._write(b"0\r\n\r\n")

    def _write(self, content: bytes) -> None:
        if self._transport is not None:
            self._transport.write(content)


async def serve(handle: Handler) -> int:
    """Serve on a free port of 127.0.0.1 until the loop ends; return the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(handle), "127.0.0.1", 0, backlog=1024
    )
    port: int = server.sockets[0].getsockname()[1]
    return port
