"""uvicorn with a deadline for what a client sends, and room for the next client.

uvicorn itself ends connections that are idle between requests, but has no deadline for a head or a
body that never ends, and buffers a head of any size. 1,000 half-open requests must shut nobody out.
"""

import asyncio
import resource
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from merlin.core.errors import ConfigError
from merlin.core.network import parse_address

MAX_HEAD_BYTES = 64 * 1024
BODY_BYTES_PER_S = 4096
TICK_S = 1.0


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP protocol; `waits_since` is when the client's turn began, None while we answer.

    If all connections are in use, a new one ends the one that has waited for its client longest.
    """

    head_s = 15.0
    # A body may take this long, and one second for each `BODY_BYTES_PER_S` received.
    body_s = 20.0
    max_open = 1024
    _is_in_head = True
    _received = 0
    waits_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room for the connection."""
        super().connection_made(transport)
        self.waits_since = self.loop.time()
        # Trusted proxies are listed by their addresses of IPv4.
        if self.client is not None:
            self.client = (
                str(parse_address(self.client[0]) or self.client[0]),
                self.client[1],
            )
        # At most half of the files that the process may open.
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = (
            self.max_open
            if files == resource.RLIM_INFINITY
            else min(self.max_open, files // 2)
        )
        others = cast("set[BoundedHttp]", self.connections)
        if len(others) > most:
            waiting = [each for each in others if each.waits_since is not None]
            # The clock counts milliseconds: of several that began in one, not the new one.
            longest = min(
                waiting, key=lambda each: (each.waits_since or 0, each is self)
            )
            self.connections.discard(longest)
            longest.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse what was received; refuse a head that is too long."""
        self._received += len(data)
        super().data_received(data)
        if (
            self._is_in_head
            and self._received > MAX_HEAD_BYTES
            and not self.transport.is_closing()
        ):
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        """Begin the body's time."""
        self._is_in_head, self._received, self.waits_since = False, 0, self.loop.time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the time: it is our turn, unless we have answered already."""
        is_over = self.cycle.response_complete
        self._is_in_head = True
        self._received = 0
        self.waits_since = self.loop.time() if is_over else None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Begin the time of the next head."""
        super().on_response_complete()
        if self.cycle.response_complete and not self.pipeline:
            self.waits_since = self.loop.time()

    def is_late(self, now: float) -> bool:
        """Return whether the client has missed its deadline; `now` is the event loop's time."""
        # The application does not read.
        if self.waits_since is None or self.flow.read_paused:
            return False
        body_s = self.body_s + self._received / BODY_BYTES_PER_S
        return now - self.waits_since > (self.head_s if self._is_in_head else body_s)


class HttpServer(uvicorn.Server):
    """uvicorn that reports when it is ready, leaves signals to us and ends late connections."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[], object],
        on_exit: Callable[[], object] = object,
    ) -> None:
        """Take what is called when the server listens, and when a signal ends it."""
        super().__init__(config)
        self._on_ready = on_ready
        self._on_exit = on_exit
        self._exit = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving on listening sockets, then call `on_ready`."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def main_loop(self) -> None:
        """End late connections once a second until the exit; uvicorn itself wakes ten times."""
        while not await self.on_tick(0):
            for each in cast("set[BoundedHttp]", set(self.server_state.connections)):
                if each.is_late(self._loop.time()):
                    each.transport.abort()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._exit.wait(), TICK_S)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - its shape
        """Exit after the requests in progress; uvicorn's handler would raise the signal again."""
        self._on_exit()
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._exit.set)


def tls_context(certificate: Path, private_key: Path, section: str) -> ssl.SSLContext:
    """Return a server's TLS context: TLS 1.2 or later, the certificate with its chain (PEM).

    Raises ConfigError, which names the `section` of the configuration and what to do, if a file is
    missing, unreadable or not PEM, or if the key belongs to another certificate or is encrypted.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, private_key, password="none")  # noqa: S106 - none
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        arguments = {"certificate": str(certificate), "private": str(private_key)}
        text = f"{section}: {certificate} and {private_key}: {reason}"
        raise ConfigError(
            text, "tls-unusable", setting=section, reason=reason, **arguments
        ) from error
    return context
