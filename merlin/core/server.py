"""Parts shared by the HTTP servers: listening, free ports, body limits, systemd notifications.

Without systemd, notifications do nothing. Source: sd_notify(3). A request body is read only up to
its limit.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from starlette.datastructures import Headers
from starlette.types import Message, Scope, Send

from merlin.core.errors import ConfigError
from merlin.core.probe import LIFE_SIGNS

if TYPE_CHECKING:
    from starlette.requests import Request

READY = "READY=1"
WATCHDOG = "WATCHDOG=1"
STOPPING = "STOPPING=1"
# An hour for a start that reads a large database, or copies and changes it, instead of
# TimeoutStartSec.
SLOW_START = "EXTEND_TIMEOUT_USEC=3600000000"


def notify(*messages: str) -> bool:
    """Send messages such as READY or a `status_notice` to systemd; return whether it was sent."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):  # an abstract socket, which has no file
        address = "\0" + address[1:]
    try:
        with socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        ) as connection:
            connection.sendto("\n".join(messages).encode(), address)
    except OSError:  # a failed notification must not stop the service
        return False
    return True


def show_alive() -> None:
    """Show systemd's watchdog and probes that this process lives; never waits for a disk."""
    notify(WATCHDOG)
    LIFE_SIGNS.show_alive()


def status_notice(text: str) -> str:
    """Return the message that sets the one-line status in `systemctl status`."""
    return "STATUS=" + " ".join(text.split())


T = TypeVar("T")


def content_length(headers: Headers) -> int:
    """Return the size of a body that its headers declare, 0 for none.

    The HTTP parser accepts digits alone, and a size of 64 bits after any number of zeros.
    """
    return int(headers.get("content-length", "").lstrip("0") or 0)


def head_as_get(scope: Scope, send: Send) -> tuple[Scope, Send]:
    """Return scope and send by which an app answers HEAD as GET, without the body.

    So routes need not implement it (RFC 9110, 9.3.2).
    """
    if scope["method"] != "HEAD":
        return scope, send

    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if "body" in message else message)

    return {**scope, "method": "GET"}, send_head


async def read_chunks(
    request: Request, max_bytes: int, too_large: Exception
) -> AsyncGenerator[bytes, None]:
    """Yield the request body in chunks; raise `too_large` if it exceeds `max_bytes`.

    The Content-Length header is checked first, so that most long bodies are refused unread.
    """
    if content_length(request.headers) > max_bytes:
        raise too_large
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise too_large
        yield chunk


async def join_chunks(
    chunks: AsyncIterable[bytes], max_bytes: int, too_large: Exception
) -> bytes:
    """Return the joined chunks of a body; raise `too_large` if they exceed `max_bytes`."""
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > max_bytes:
            raise too_large
    return bytes(content)


# Below the range from which systems take ports for outgoing connections (Linux: from 32768), so
# that no connection takes one before its server listens.
_FIRST_PORT = 20_000
_LAST_PORT = 32_000
# Sockets that stay bound to the newest ports without listening: no other process gets the port
# before its server starts, or while it restarts.
_RESERVED: deque[int] = deque()
_MAX_RESERVED = 64


async def wait_for_disconnect(request: Request) -> None:
    """Wait until the client disconnects; discard the rest of the body."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def run_while_connected(request: Request, work: Awaitable[T]) -> T | None:
    """Await `work` and return its result; cancel it and return None if the client disconnects."""
    work_task = asyncio.ensure_future(work)
    disconnect_task = asyncio.ensure_future(wait_for_disconnect(request))
    try:
        await asyncio.wait(
            {work_task, disconnect_task}, return_when=asyncio.FIRST_COMPLETED
        )
        return work_task.result() if work_task.done() else None
    finally:
        work_task.cancel()
        disconnect_task.cancel()
        await asyncio.gather(work_task, disconnect_task, return_exceptions=True)


def free_ports(count: int) -> list[int]:
    """Return `count` different free ports of 127.0.0.1.

    Other processes do not get them while this process lives; a server that listens on one has to
    set SO_REUSEADDR and not SO_REUSEPORT.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = _FIRST_PORT + secrets.randbelow(_LAST_PORT - _FIRST_PORT)
        if port not in ports and _is_free(port):
            ports.append(port)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        # On other systems nobody could listen on such a port.
        if sys.platform == "linux":
            # Set only after bind: two processes could bind the port with SO_REUSEADDR set before.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _RESERVED.append(probe.detach())
            if len(_RESERVED) > _MAX_RESERVED:
                socket.close(_RESERVED.popleft())
    return True


BACKLOG = 2048
ALIVE_S = 1.0


def listen(setting: str, host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises ConfigError, which names the configuration key `setting`, if the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the protocol is given; without it responses take 44 ms more.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, UnicodeError) as error:  # a host such as "a..b" has no ASCII form
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        arguments = {"place": f"{host}:{port}", "reason": reason}
        message = f"{setting}: {arguments['place']}: {arguments['reason']}"
        raise ConfigError(
            message, "listen-failed", setting=setting, **arguments
        ) from error
    return listener


async def notify_watchdog(
    send_heartbeat: Callable[[], object], is_healthy: Callable[[], bool] = lambda: True
) -> None:
    """Call `send_heartbeat` every second while `is_healthy`, until cancelled.

    Run it on the serving event loop, so that a blocked loop stops the heartbeats.
    """
    while True:
        if is_healthy():
            send_heartbeat()
        await asyncio.sleep(ALIVE_S)
