"""Server: what our HTTP servers do alike: an address, a start and an end, a sign of life."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType

import uvicorn

from merlin.core.connections import SWEEP_S, BoundedHttp, Connections
from merlin.core.errors import ConfigError

BACKLOG = 2048
# uvicorn looks around ten times a second.
_SWEEP_TICKS = round(10 * SWEEP_S)
ALIVE_S = 1.0


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
