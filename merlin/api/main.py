"""`merlin api`: serve until SIGTERM or SIGINT, then finish what is under way."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from merlin.api.app import create_app
from merlin.api.services import ApiServices
from merlin.core.errors import ConfigError
from merlin.core.log import get_logger

log = get_logger(__name__)

FINISH_S = 15
BACKLOG = 2048


class _Server(uvicorn.Server):
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


def serve(services: ApiServices, host: str, port: int, on_ready: Callable[[], object]) -> None:
    """Serve until a signal; `on_ready` is called once the port answers.

    Port 0 takes a free one, told in the log. Raises ConfigError when the address is taken.
    """
    with _listener(host, port) as listener:
        address = listener.getsockname()
        log.info("api listens", host=address[0], port=address[1])
        asyncio.run(_serve(services, listener, on_ready))
    log.info("api stopped")


async def _serve(
    services: ApiServices, listener: socket.socket, on_ready: Callable[[], object]
) -> None:
    config = uvicorn.Config(
        create_app(services),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=FINISH_S,
    )
    server = _Server(config, on_ready)
    await server.serve([listener])


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; without it every answer waits 44 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(f"api.listen: {host}:{port}: {error.strerror}") from error
    return listener
