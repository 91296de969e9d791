"""`merlin engine`: serve until SIGTERM or SIGINT, then finish what is under way."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn

from merlin.core.errors import ConfigError
from merlin.core.log import get_logger
from merlin.engine.settings import EngineSettings

log = get_logger(__name__)

FINISH_S = 10
BACKLOG = 2048
ALIVE_S = 1.0
# A second thread of BLAS makes small trainings slower.
_BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
# The trainer's thread gives way to an answer five times sooner than Python's default.
_SWITCH_S = 0.001


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


def serve(
    settings: EngineSettings,
    on_ready: Callable[[], object] | None = None,
    still_alive: Callable[[], object] | None = None,
) -> None:
    """Serve until a signal; `on_ready` is called once the port answers.

    `still_alive` is called every second by the loop that serves, while both lanes of work live.
    Port 0 takes a free one, told in the log. Raises ConfigError for wrong settings or a taken
    address, LeadTaken when another engine has the folder.
    """
    settings.check()
    with listen(settings.host, settings.port) as listener:
        serve_on(listener, settings, on_ready or _nothing, still_alive or _nothing)


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
    config = uvicorn.Config(
        create_app(settings, engine),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=FINISH_S,
    )
    server = _Server(config, on_ready)
    beside = asyncio.create_task(_say_alive(still_alive, lambda: engine.work.is_alive))
    try:
        await server.serve([listener])
    finally:
        beside.cancel()
        await asyncio.to_thread(engine.close)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises ConfigError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; without it every answer waits 44 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(f"engine.listen: {host}:{port}: {error.strerror}") from error
    return listener


async def _say_alive(still_alive: Callable[[], object], is_well: Callable[[], bool]) -> None:
    """Tell the service manager, from the loop that serves: a stuck loop falls silent."""
    while True:
        if is_well():
            still_alive()
        await asyncio.sleep(ALIVE_S)


def _nothing() -> None:
    pass
