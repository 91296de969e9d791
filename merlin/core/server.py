"""Server: what our HTTP servers do alike: an address, a start and an end, a sign of life."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from merlin.core.errors import ConfigError

BACKLOG = 2048
ALIVE_S = 1.0


class Server(uvicorn.Server):
    """uvicorn that says when it is ready and leaves signals to us."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, then tell."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - its shape
        """End after what is under way; uvicorn's own would raise the signal again afterwards."""
        self.should_exit = True


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


async def say_alive(
    still_alive: Callable[[], object], is_well: Callable[[], bool] = lambda: True
) -> None:
    """Tell the service manager while all is well, once a second until cancelled.

    To be run by the loop that serves: a stuck loop falls silent.
    """
    while True:
        if is_well():
            still_alive()
        await asyncio.sleep(ALIVE_S)
