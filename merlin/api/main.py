"""`merlin api`: serve until SIGTERM or SIGINT, then finish what is under way."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import uvicorn

from merlin.api.app import create_app
from merlin.api.services import ApiServices
from merlin.core.log import get_logger
from merlin.core.server import Server, listen

log = get_logger(__name__)

FINISH_S = 15


def serve(services: ApiServices, host: str, port: int, on_ready: Callable[[], object]) -> None:
    """Serve until a signal; `on_ready` is called once the port answers.

    Port 0 takes a free one, told in the log. Raises ConfigError when the address is taken.
    """
    with listen("api.listen", host, port) as listener:
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
    await Server(config, on_ready).serve([listener])
