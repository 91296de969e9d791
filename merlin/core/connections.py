"""Connections: HTTP/1.1 by httptools (llhttp), with an end to what a caller may hold open.

uvicorn itself ends what is silent between two calls (`timeout_keep_alive`) and refuses calls that
are too many at once (`limit_concurrency`), both after a head has come. It has no deadline for a
head or a body that never ends, no end to how long a head may be, and no count by address: these
are here, as a protocol of uvicorn's. A head that is too long would be held in memory as it grows.
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
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from merlin.core.errors import ConfigError
from merlin.core.log import get_logger
from merlin.core.loopback import is_in_networks
from merlin.core.server import BACKLOG

if TYPE_CHECKING:
    from prometheus_client import Metric

log = get_logger(__name__)

MAX_HEAD_BYTES = 64 * 1024
SWEEP_S = 1.0
# uvicorn looks around ten times a second.
_SWEEP_TICKS = round(10 * SWEEP_S)
_TELL_AGAIN_S = 10.0
_V6_NETWORK = 4
# Why a connection was ended; `head`, `body`, `answer`: its caller was too slow at that.
REASONS = ("head", "body", "answer", "address", "total")


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a caller may hold open; seconds, bytes and connections.

    A head must have come after `head_s`; a body may take `body_s`, and a second more for each
    `body_bytes_per_s` of it that have come; of an answer something must be taken in `answer_s`.
    `per_address` connections come from one address, 0 for any number, and `in_all` are open: then
    the one that has kept us waiting longest is ended for a new one.
    """

    head_s: float = 15.0
    body_s: float = 20.0
    body_bytes_per_s: int = 4096
    answer_s: float = 60.0
    per_address: int = 256
    in_all: int = 1024


USUAL = ConnectionLimits()


class Connections:
    """The open connections of one server; all calls come from its event loop."""

    def __init__(self, limits: ConnectionLimits = USUAL, trusted: Iterable[str] = ()) -> None:
        """Take networks that are `trusted` to open any number: those of proxies.

        Where the process may open few files, half of them are for connections.
        """
        self.limits = limits
        self.ended: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self._trusted = tuple(trusted)
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = limits.in_all
        if files != resource.RLIM_INFINITY:
            self._most = min(limits.in_all, files // 2)
        self._open: dict[BoundedHttp, str] = {}
        self._by_network: Counter[str] = Counter()
        self._told: dict[str, tuple[float, int]] = {}

    def __len__(self) -> int:
        return len(self._open)

    @property
    def open(self) -> Sequence[BoundedHttp]:
        """Return those that are open, the oldest first."""
        return [*self._open]

    def add(self, connection: BoundedHttp) -> bool:
        """Note a new connection; False: it is one too many, and has been refused."""
        host = connection.client[0] if connection.client else ""
        # Without an address it is a socket of this machine.
        is_trusted = not host or is_in_networks(host, self._trusted)
        network = "" if is_trusted else network_of_host(host)
        most = self.limits.per_address
        if network and most and self._by_network[network] >= most:
            self._refuse(connection, "address")
            return False
        if len(self._open) >= self._most:
            waiting = [each for each in self._open if each.is_waiting]
            if not waiting:
                self._refuse(connection, "total")
                return False
            self._count("total", longest := min(waiting, key=lambda each: each.since))
            longest.time_out()
        self._open[connection] = network
        self._by_network[network] += 1
        return True

    def remove(self, connection: BoundedHttp) -> None:
        """Forget a connection that has ended, or was never noted."""
        network = self._open.pop(connection, None)
        if network is not None:
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]

    def sweep(self, now: float) -> None:
        """End every connection whose time is over, `now` by the event loop's clock."""
        for connection in self.open:
            reason = connection.overdue(now, self.limits)
            if reason is not None:
                self._count(reason, connection)
                connection.time_out(at_once=reason == "answer")

    def metrics(self, *prefix: str) -> list[Metric]:
        """Return how many are open and how many were ended."""
        # The bot and the daemon, which have no such page, do without the library's 2 MB.
        from merlin.core.metrics import counter, gauge, metric_name  # noqa: PLC0415

        count = metric_name(*prefix, "connections")
        about = "Connections ended because of a slow caller or of too many."
        ended = ((self.ended[reason], {"reason": reason}) for reason in REASONS)
        return [
            gauge(count, "Connections that are open.", (len(self), {})),
            counter(f"{count}_ended_total", about, *ended),
        ]

    def _refuse(self, connection: BoundedHttp, reason: str) -> None:
        self._count(reason, connection)
        connection.answer(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.")

    def _count(self, reason: str, connection: BoundedHttp) -> None:
        """Count one; the log has one line in ten seconds, or a flood would fill the disk."""
        self.ended[reason] += 1
        now = time.monotonic()
        told_at, logged = self._told.get(reason, (-_TELL_AGAIN_S, 0))
        if now - told_at >= _TELL_AGAIN_S:
            count = self.ended[reason]
            self._told[reason] = now, count
            address = connection.client[0] if connection.client else ""
            log.warning(
                "connections ended",
                reason=reason,
                address=address,
                count=count - logged,
                open=len(self),
            )


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol; heads have an end, and who is slow has one too."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        connections: Connections | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._all = Connections() if connections is None else connections
        self._is_in_head = True
        self._head_bytes = 0
        self._body_bytes = 0
        self._untaken_since: float | None = None
        self.since = self.loop.time()
        """When the caller's turn began, by the event loop's clock."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless this is one connection too many."""
        super().connection_made(transport)
        self._all.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._all.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless the head has grown too long."""
        if self._is_in_head:
            if not self._head_bytes and self._call is not None:
                self.since = self.loop.time()
            self._head_bytes += len(data)
        super().data_received(data)
        # What came last may have been a body, or the end of the head.
        is_too_long = self._is_in_head and self._head_bytes > MAX_HEAD_BYTES
        if is_too_long and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        """Count no more: what follows is a body."""
        self._is_in_head, self._body_bytes = False, 0
        self.since = self.loop.time()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count how much has come."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Count again: what follows is another head."""
        self._is_in_head, self._head_bytes = True, 0
        self.since = self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Let it be the caller's turn."""
        self.since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note since when the caller takes nothing."""
        self._untaken_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the caller takes something."""
        self._untaken_since = None
        super().resume_writing()

    @property
    def is_waiting(self) -> bool:
        """Return whether it is the caller's turn, not ours."""
        call = self._call
        is_answering = call is not None and not call.response_complete
        return not self.transport.is_closing() and not (self._is_in_head and is_answering)

    @property
    def _call(self) -> RequestResponseCycle | None:
        """Return the call that came last, None before the first."""
        return self.cycle

    def overdue(self, now: float, limits: ConnectionLimits) -> str | None:
        """Return at what the caller has been too slow, None while there is time."""
        if self._untaken_since is not None and now - self._untaken_since > limits.answer_s:
            return "answer"
        if not self.is_waiting:
            return None
        if self._is_in_head:
            return "head" if now - self.since > limits.head_s else None
        if self.flow.read_paused:  # it is the application that does not read
            self.since += SWEEP_S
            return None
        allowed_s = limits.body_s + self._body_bytes / limits.body_bytes_per_s
        return "body" if now - self.since > allowed_s else None

    def time_out(self, *, at_once: bool = False) -> None:
        """End the connection, with 408 where something of a call has come; `at_once`: silently."""
        if at_once:
            self.transport.abort()
        elif self._is_in_head and not self._head_bytes:
            self.transport.close()
        else:
            self.answer(HTTPStatus.REQUEST_TIMEOUT, "The request came too slowly.")

    def answer(self, status: HTTPStatus, text: str) -> None:
        """Answer in the application's place, unless it has begun to, and end the connection."""
        call = self._call
        if call is None or call.response_complete or not call.response_started:
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            head += f"content-type: text/plain\r\ncontent-length: {len(text)}\r\n"
            self.transport.write(f"{head}connection: close\r\n\r\n{text}".encode("ascii"))
        self.transport.close()


def network_of_host(host: str) -> str:
    """Return whose an address is: for IPv6 the network of a household, its /64."""
    if ":" not in host:
        return host
    if "." in host:  # an IPv4 address in IPv6's clothes
        return host.rpartition(":")[2]
    head, gap, _ = host.partition("::")
    parts = head.split(":") if head else []
    return ":".join([*parts, *["0"] * _V6_NETWORK][:_V6_NETWORK] if gap else parts[:_V6_NETWORK])


class Server(uvicorn.Server):
    """uvicorn that says when it is ready, leaves signals to us, and bounds its connections."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], object], connections: Connections
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._connections = connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve on listening sockets, then tell.

        uvicorn starts the application; it would give a protocol no more than its configuration,
        and TLS a minute to be agreed upon.
        """
        await super().startup([])
        if not self.started:
            return
        http = partial(
            BoundedHttp,
            self.config,
            self.server_state,
            self.lifespan.state,
            connections=self._connections,
        )
        tls = self.config.ssl
        for each in sockets or ():
            server = await asyncio.get_running_loop().create_server(
                http,
                sock=each,
                ssl=tls,
                backlog=BACKLOG,
                ssl_handshake_timeout=self._connections.limits.head_s if tls else None,
            )
            self.servers.append(server)
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Look around; once a second also for callers that are too slow."""
        if counter % _SWEEP_TICKS == 0:
            self._connections.sweep(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - its shape
        """End after what is under way; uvicorn's own would raise the signal again afterwards."""
        self.should_exit = True


def tls_context(certificate: Path, private_key: Path, section: str) -> ssl.SSLContext:
    """Return what a listener needs: TLS 1.2 at least, the certificate with its chain (PEM).

    Raises ConfigError, which names the `section` of the configuration and says what to do, for a
    file that is missing, cannot be read or is no PEM, and for a key that is another certificate's
    or needs a password.
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
        # Without an answer of ours OpenSSL would ask for a password at the terminal.
        context.load_cert_chain(certificate, private_key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        text = f"{section}: {certificate} and {private_key}: {reason}"
        raise ConfigError(text, "tls-mismatch", reason=str(reason), **arguments) from error
    return context


def _no_password() -> bytes:
    raise ValueError("the key is encrypted with a password")
