"""What our HTTP servers share: addresses, free ports, bounded bodies, and what systemd is told.

Without systemd nothing is told. Source: sd_notify(3). A request's body is read no further than it
may be long, and all bodies under way are bounded together.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import secrets
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.core.errors import ConfigError
from merlin.core.log import get_logger

if TYPE_CHECKING:
    from prometheus_client import Metric

READY = "READY=1"
WATCHDOG = "WATCHDOG=1"
STOPPING = "STOPPING=1"


def notify(*text: str) -> bool:
    """Tell systemd `text`, such as READY or a `status_notice`; return whether it listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):  # a name in the kernel's own space, not a file
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.sendto("\n".join(text).encode(), address)
    except OSError:  # a service must not fail because nobody wants to hear that it lives
        return False
    return True


def status_notice(text: str) -> str:
    """Return the word that `systemctl status` shows; one line."""
    return "STATUS=" + " ".join(text.split())


log = get_logger(__name__)

_PR_SET_PDEATHSIG = 1
T = TypeVar("T")

# As much of a body is taken of anybody; how many do so at once, `core.connections` bounds.
SMALL = 64 * 1024
# What is longer than this of a form's file lies on the disk (starlette, `spool_max_size`).
_SPOOLED = 1024 * 1024
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
# Given how long a body is, as far as that is known: what refuses it, None where nothing does.
Judge = Callable[[Scope, int], Awaitable[ASGIApp | None]]


class BodyBudget:
    """How many bytes of bodies are in memory, beyond the first `SMALL` of each."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.held = 0
        self.refused = 0

    def take(self, size: int) -> bool:
        """Set bytes aside; False: there is no room for them."""
        if self.held + size > self.most_bytes:
            self.refused += 1
            log.warning("a body was refused", reason="too many under way", held=self.held)
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        """Let bytes go."""
        self.held -= size

    def metrics(self, *prefix: str) -> list[Metric]:
        """Return what is held and how many bodies were refused."""
        # The bot and the daemon, which have no such page, do without the library's 2 MB.
        from merlin.core.metrics import counter, gauge, metric_name  # noqa: PLC0415

        held = metric_name(*prefix, "bodies", "bytes")
        refused = metric_name(*prefix, "bodies", "refused", "total")
        about = "Bodies refused because too much was under way."
        return [
            gauge(held, "Bytes held of large bodies.", (self.held, {})),
            counter(refused, about, (self.refused, {})),
        ]


class BodyLimit:
    """A layer of an application that bounds bodies: each as `judge` says, and all together.

    `full` answers where there is no room for more of a body.
    """

    def __init__(
        self,
        app: ASGIApp,
        bodies: BodyBudget,
        full: Callable[[Scope], ASGIApp],
        judge: Judge | None = None,
    ) -> None:
        self._app = app
        self._bodies = bodies
        self._full = full
        self._judge = judge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call as long as its body is not too long."""
        if scope["type"] != "http" or scope["method"] in _WITHOUT_BODY:
            await self._app(scope, receive, send)
            return
        counter = _BodyCounter(scope, receive, send, self)
        try:
            length = Headers(scope=scope).get("content-length", "")
            if length.isascii() and length.isdigit():
                counter.refusal = await self.refusal(scope, int(length))
            if counter.refusal is None:
                await self._app(scope, counter.receive, counter.send)
        finally:
            self._bodies.give_back(counter.held)
        if counter.refusal is not None and not counter.is_answered:
            await counter.refusal(scope, receive, send)

    async def refusal(self, scope: Scope, size: int) -> ASGIApp | None:
        """Return what refuses a body of this size, None where nothing does."""
        return await self._judge(scope, size) if self._judge is not None else None

    def room(self, scope: Scope, size: int) -> ASGIApp | None:
        """Set bytes aside, or return what refuses them."""
        return None if self._bodies.take(size) else self._full(scope)


class _BodyCounter:
    """One call's body on its way in; once it is refused the caller seems to have gone."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limit: BodyLimit) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._limit = limit
        self._bytes = 0
        form = Headers(scope=scope).get("content-type", "").startswith("multipart/")
        self._most_held = _SPOOLED if form else None
        self.held = 0
        self.refusal: ASGIApp | None = None
        self.is_answered = False

    async def receive(self) -> Message:
        """Return the next piece."""
        message = await self._receive()
        size = len(message.get("body", b""))
        if size and self.refusal is None:
            self._bytes += size
            self.refusal = await self._refused()
        return {"type": "http.disconnect"} if self.refusal is not None else message

    async def _refused(self) -> ASGIApp | None:
        if self._bytes <= SMALL:
            return None
        refusal = await self._limit.refusal(self._scope, self._bytes)
        if refusal is not None:
            return refusal
        held = self._bytes - SMALL
        held = held if self._most_held is None else min(held, self._most_held)
        refusal = self._limit.room(self._scope, held - self.held)
        if refusal is None:
            self.held = held
        return refusal

    async def send(self, message: Message) -> None:
        """Pass an answer on; to what was not read whole there is another one."""
        if self.refusal is not None and not self.is_answered:
            return
        self.is_answered = True
        await self._send(message)


async def read_pieces(
    request: Request, most_bytes: int, too_large: Exception
) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes; raises `too_large` once it is longer than `most_bytes`.

    What the header tells is believed first, so most long bodies are refused unread.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most_bytes:
        raise too_large
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > most_bytes:
            raise too_large
        yield piece


async def join_pieces(parts: AsyncIterable[bytes], most_bytes: int, too_large: Exception) -> bytes:
    """Return a body that comes in parts; raises `too_large` once it is longer than `most_bytes`."""
    got = bytearray()
    async for part in parts:
        got += part
        if len(got) > most_bytes:
            raise too_large
    return bytes(got)


# Below the range from which systems take ports for outgoing connections (Linux: from 32768),
# so that none is taken away by chance before its server listens.
_FIRST, _LAST = 20_000, 32_000
# The newest ports stay bound, listened on by nobody: no other process is given one of them
# before its server starts, or while it starts again.
_KEPT: deque[int] = deque()
_MAX_KEPT = 64


async def wait_for_disconnect(request: Request) -> None:
    """Wait until the caller is gone; what still comes of the body is passed over."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def run_while_connected(request: Request, work: Awaitable[T]) -> T | None:
    """Return what `work` gives; None where its caller goes away first, which cancels it."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(wait_for_disconnect(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


def die_with_parent() -> None:
    """Let the kernel end this process with the one that started it (Linux); before its exec."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_ports(count: int, *, is_kept: bool = True) -> list[int]:
    """Return `count` different ports of 127.0.0.1 that nobody listens on now.

    `is_kept`: nobody else gets them while this process lives; a server that listens on one has
    to set SO_REUSEADDR alone, as ours do.
    """
    found: list[int] = []
    while len(found) < count:
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        if port not in found and _is_free(port, is_kept=is_kept):
            found.append(port)
    return found


def _is_free(port: int, *, is_kept: bool) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        # Elsewhere such a port could not be listened on.
        if is_kept and sys.platform == "linux":
            # Only now: a port that was bound so from the beginning could be bound by two.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _KEPT.append(probe.detach())
            if len(_KEPT) > _MAX_KEPT:
                socket.close(_KEPT.popleft())
    return True


BACKLOG = 2048
ALIVE_S = 1.0


def listen(setting: str, host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises ConfigError that names the `setting` it came from when the address is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; without it every answer waits 44 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(f"{setting}: {host}:{port}: {error.strerror}") from error
    return listener


async def notify_watchdog(
    still_alive: Callable[[], object], is_well: Callable[[], bool] = lambda: True
) -> None:
    """Tell the service manager while all is well, once a second until cancelled.

    To be run by the loop that serves: a stuck loop falls silent.
    """
    while True:
        if is_well():
            still_alive()
        await asyncio.sleep(ALIVE_S)
