"""`merlin engine`: serve until SIGTERM or SIGINT, then finish what is under way."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable

import uvicorn

from merlin.core import server
from merlin.core.log import get_logger
from merlin.engine.settings import EngineSettings

log = get_logger(__name__)

FINISH_S = 10
# A second thread of BLAS makes small trainings slower.
_BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
# The trainer's thread gives way to an answer five times sooner than Python's default.
_SWITCH_S = 0.001


def serve(
    settings: EngineSettings,
    on_ready: Callable[[], object] = lambda: None,
    still_alive: Callable[[], object] = lambda: None,
) -> None:
    """Serve until a signal; `on_ready` is called once the port answers.

    `still_alive` is called every second by the loop that serves, while every lane of work lives.
    Port 0 takes a free one, told in the log. Raises ConfigError for wrong settings or a taken
    address, LeadTaken when another engine has the folder.
    """
    settings.check()
    with listen(settings.host, settings.port) as listener:
        serve_on(listener, settings, on_ready, still_alive)


def serve_on(
    listener: socket.socket,
    settings: EngineSettings,
    on_ready: Callable[[], object],
    still_alive: Callable[[], object] = lambda: None,
) -> None:
    """Serve on a listening socket as `serve` does."""
    for name in _BLAS:
        os.environ.setdefault(name, "1")
    sys.setswitchinterval(_SWITCH_S)
    address = listener.getsockname()
    log.info("engine listens", host=address[0], port=address[1])
    asyncio.run(_serve(settings, listener, on_ready, still_alive))
    log.info("engine stopped")


async def _serve(
    settings: EngineSettings,
    listener: socket.socket,
    on_ready: Callable[[], object],
    still_alive: Callable[[], object],
) -> None:
    from merlin.engine.server import create_app  # noqa: PLC0415 - after the BLAS threads are set
    from merlin.engine.services import open_engine  # noqa: PLC0415 - as above

    engine = open_engine(settings)
    app = create_app(settings, engine)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=FINISH_S,
    )
    beside = asyncio.create_task(server.say_alive(still_alive, lambda: engine.work.is_alive))
    try:
        await server.Server(config, on_ready, app.state.connections).serve([listener])
    finally:
        beside.cancel()
        await engine.close()


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises ConfigError when it is taken."""
    return server.listen("engine.listen", host, port)
