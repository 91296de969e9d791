"""HTTP/1.1 connections by httptools (llhttp) with time and size limits for each client.

uvicorn itself closes connections that are idle between requests (`timeout_keep_alive`) and refuses
excess concurrent requests (`limit_concurrency`), both only after a request head has arrived. It has
no deadline for a head or body that never ends, no limit on the size of a head, which it would
buffer in memory, and no limit per address. This module adds them as a uvicorn protocol class.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from http import HTTPStatus
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from merlin.core.errors import ConfigError
from merlin.core.log import get_logger
from merlin.core.network import is_in_networks, parse_address
from merlin.core.server import BACKLOG

if TYPE_CHECKING:
    from prometheus_client import Metric

log = get_logger(__name__)

MAX_HEAD_BYTES = 64 * 1024
SWEEP_S = 1.0
# uvicorn ticks ten times a second.
_SWEEP_TICKS = round(10 * SWEEP_S)
_LOG_INTERVAL_S = 10.0
_V6_CLIENT_BITS = 64
# Why a connection was closed; `head`, `body`, `answer`: the client was too slow at that.
REASONS = ("head", "body", "answer", "address", "total")


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a client may keep open, in seconds, bytes and connections.

    The request head must arrive within `head_s`. The body may take `body_s`, plus one second for
    each `body_bytes_per_s` bytes received. The client must read some of the response within
    `answer_s`. One address may have `per_address` connections (0: unlimited). At `in_all`
    connections, the one that has been waiting for its client longest is closed for a new one.
    """

    head_s: float = 15.0
    body_s: float = 20.0
    body_bytes_per_s: int = 4096
    answer_s: float = 60.0
    per_address: int = 256
    in_all: int = 1024


DEFAULT_LIMITS = ConnectionLimits()


class Connections:
    """The open connections of one server; use it only from the server's event loop."""

    def __init__(
        self, limits: ConnectionLimits = DEFAULT_LIMITS, trusted: Iterable[str] = ()
    ) -> None:
        """Exempt the networks in `trusted`, those of proxies, from the limit per address.

        If the process may open only few files, connections may use half of them.
        """
        self.limits = limits
        self.ended: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self._trusted = tuple(trusted)
        file_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._max_open = limits.in_all
        if file_limit != resource.RLIM_INFINITY:
            self._max_open = min(limits.in_all, file_limit // 2)
        self._open: dict[BoundedHttp, str] = {}
        self._by_network: Counter[str] = Counter()
        self._logged: dict[str, tuple[float, int]] = {}

    def __len__(self) -> int:
        return len(self._open)

    @property
    def open(self) -> Sequence[BoundedHttp]:
        """Return the open connections, oldest first."""
        return [*self._open]

    def add(self, connection: BoundedHttp) -> bool:
        """Register a new connection; return False if it was refused because of a limit."""
        host = connection.client[0] if connection.client else ""
        # A connection without an address is a socket of this machine.
        is_trusted = not host or is_in_networks(host, self._trusted)
        network = "" if is_trusted else network_of_host(host)
        max_per_address = self.limits.per_address
        if network and max_per_address and self._by_network[network] >= max_per_address:
            self._refuse(connection, "address")
            return False
        if len(self._open) >= self._max_open:
            waiting = [candidate for candidate in self._open if candidate.is_waiting]
            if not waiting:
                self._refuse(connection, "total")
                return False
            self._count(
                "total", longest := min(waiting, key=lambda candidate: candidate.caller_turn_since)
            )
            longest.time_out()
        self._open[connection] = network
        self._by_network[network] += 1
        return True

    def remove(self, connection: BoundedHttp) -> None:
        """Remove a closed connection; unknown ones are ignored."""
        network = self._open.pop(connection, None)
        if network is not None:
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]

    def sweep(self, now: float) -> None:
        """Close every connection that is past a deadline; `now` is the event loop's time."""
        for connection in self.open:
            reason = connection.timeout_reason(now, self.limits)
            if reason is not None:
                self._count(reason, connection)
                connection.time_out(at_once=reason == "answer")

    def metrics(self, *prefix: str) -> list[Metric]:
        """Return gauges and counters of open and closed connections."""
        # Imported here: the bot and the daemon, which serve no metrics, save the library's 2 MB.
        from merlin.core.metrics import counter, gauge, metric_name  # noqa: PLC0415

        count = metric_name(*prefix, "connections")
        about = "Connections closed because of a slow client or too many connections."
        ended = ((self.ended[reason], {"reason": reason}) for reason in REASONS)
        return [
            gauge(count, "Open connections.", (len(self), {})),
            counter(f"{count}_ended_total", about, *ended),
        ]

    def _refuse(self, connection: BoundedHttp, reason: str) -> None:
        self._count(reason, connection)
        connection.answer(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.")

    def _count(self, reason: str, connection: BoundedHttp) -> None:
        """Count a closed connection; log every ten seconds at most: a flood could fill the disk."""
        self.ended[reason] += 1
        now = time.monotonic()
        logged_at, logged_count = self._logged.get(reason, (-_LOG_INTERVAL_S, 0))
        if now - logged_at >= _LOG_INTERVAL_S:
            count = self.ended[reason]
            self._logged[reason] = now, count
            address = connection.client[0] if connection.client else ""
            log.warning(
                "connections ended",
                reason=reason,
                address=address,
                count=count - logged_count,
                open=len(self),
            )


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP protocol with a limit on the request head and deadlines for the client."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        connections: Connections | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._connections = Connections() if connections is None else connections
        self._is_in_head = True
        self._head_bytes = 0
        self._body_bytes = 0
        self._write_paused_since: float | None = None
        self.caller_turn_since = self.loop.time()
        """When the caller's turn began, by the event loop's clock."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Register the connection; it is closed at once if it exceeds a limit."""
        super().connection_made(transport)
        if self.client is not None:
            # Trusted proxies are listed by their addresses of IPv4.
            self.client = str(parse_address(self.client[0]) or self.client[0]), self.client[1]
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Unregister the connection."""
        self._connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received data; refuse a request head that is too long."""
        if self._is_in_head:
            if not self._head_bytes and self._last_call is not None:
                self.caller_turn_since = self.loop.time()
            self._head_bytes += len(data)
        super().data_received(data)
        # The data may have been part of a body, or the end of the head.
        is_too_long = self._is_in_head and self._head_bytes > MAX_HEAD_BYTES
        if is_too_long and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        """Stop counting head bytes: the body follows.

        The parser refuses the request if this raises ValueError: it needs one Host (RFC 9112, 3.2).
        """
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts != 1 and self.parser.get_http_version() == "1.1":
            raise ValueError("not one Host header")
        self._is_in_head, self._body_bytes = False, 0
        self.caller_turn_since = self.loop.time()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count the body's bytes."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Start counting the next request's head."""
        self._is_in_head, self._head_bytes = True, 0
        self.caller_turn_since = self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Note that it is the client's turn to send."""
        self.caller_turn_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note since when the client has not read the response."""
        self._write_paused_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        self._write_paused_since = None
        super().resume_writing()

    @property
    def is_waiting(self) -> bool:
        """Return whether the connection is waiting for the client."""
        call = self._last_call
        is_answering = call is not None and not call.response_complete
        return not self.transport.is_closing() and not (self._is_in_head and is_answering)

    @property
    def _last_call(self) -> RequestResponseCycle | None:
        """Return the latest request/response cycle, None before the first."""
        return self.cycle

    def timeout_reason(self, now: float, limits: ConnectionLimits) -> str | None:
        """Return which deadline the client has missed, or None."""
        if (
            self._write_paused_since is not None
            and now - self._write_paused_since > limits.answer_s
        ):
            return "answer"
        if not self.is_waiting:
            return None
        if self._is_in_head:
            return "head" if now - self.caller_turn_since > limits.head_s else None
        if self.flow.read_paused:  # the application is the one not reading
            self.caller_turn_since += SWEEP_S
            return None
        allowed_s = limits.body_s + self._body_bytes / limits.body_bytes_per_s
        return "body" if now - self.caller_turn_since > allowed_s else None

    def time_out(self, *, at_once: bool = False) -> None:
        """Close the connection, with status 408 within a request; `at_once`: with no response."""
        if at_once:
            self.transport.abort()
        elif self._is_in_head and not self._head_bytes:
            self.transport.close()
        else:
            self.answer(HTTPStatus.REQUEST_TIMEOUT, "The request came too slowly.")

    def answer(self, status: HTTPStatus, text: str) -> None:
        """Send a plain-text response unless the application began one, and close the connection."""
        call = self._last_call
        if call is None or call.response_complete or not call.response_started:
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            head += f"content-type: text/plain\r\ncontent-length: {len(text)}\r\n"
            self.transport.write(f"{head}connection: close\r\n\r\n{text}".encode("ascii"))
        self.transport.close()


@lru_cache(maxsize=4096)
def network_of_host(host: str) -> str:
    """Return the key that addresses of one client share: for IPv6 its /64 network."""
    address = parse_address(host)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _V6_CLIENT_BITS), strict=False))
    return host if address is None else str(address)


class Server(uvicorn.Server):
    """uvicorn that reports when it is ready, leaves signals to us and limits its connections."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], object], connections: Connections
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._connections = connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving on listening sockets, then call `on_ready`.

        uvicorn starts the application only: it would construct the protocol with nothing but its
        configuration, and allow a minute for the TLS handshake.
        """
        await super().startup([])
        if not self.started:
            return
        protocol_factory = partial(
            BoundedHttp,
            self.config,
            self.server_state,
            self.lifespan.state,
            connections=self._connections,
        )
        ssl_context = self.config.ssl
        for listener in sockets or ():
            server = await asyncio.get_running_loop().create_server(
                protocol_factory,
                sock=listener,
                ssl=ssl_context,
                backlog=BACKLOG,
                ssl_handshake_timeout=self._connections.limits.head_s if ssl_context else None,
            )
            self.servers.append(server)
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Run uvicorn's tick; once a second also close connections past their deadlines."""
        if counter % _SWEEP_TICKS == 0:
            self._connections.sweep(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - its shape
        """Exit after the requests in progress; uvicorn's handler would raise the signal again."""
        self.should_exit = True


def tls_context(certificate: Path, private_key: Path, section: str) -> ssl.SSLContext:
    """Return a server's TLS context: TLS 1.2 or later, the certificate with its chain (PEM).

    Raises ConfigError, which names the `section` of the configuration and what to do, if a file is
    missing, unreadable or not PEM, or if the key belongs to another certificate or is encrypted.
    """
    for name, path in (("certificate", certificate), ("key", private_key)):
        try:
            path.open("rb").close()
        except OSError as error:
            reason, setting = error.strerror or str(error), f"{section}.{name}"
            arguments = {"setting": setting, "path": str(path), "reason": reason}
            raise ConfigError(
                f"{setting}: {path}: {reason}", "tls-unreadable", **arguments
            ) from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    arguments = {"setting": section, "certificate": str(certificate), "private": str(private_key)}
    try:
        # Without this callback OpenSSL would ask for a password on the terminal.
        context.load_cert_chain(certificate, private_key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        text = f"{section}: {certificate} and {private_key}: {reason}"
        raise ConfigError(text, "tls-mismatch", reason=str(reason), **arguments) from error
    return context


def _no_password() -> bytes:
    raise ValueError("the key is encrypted with a password")
