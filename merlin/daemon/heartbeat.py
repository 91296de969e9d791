"""Who lives: the daemon's own heartbeat, the engine's, and the ping to a monitor outside.

The monitor expects the ping each minute, and tells a person when it stays away: of this machine
without power or network nobody on it can tell.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import datetime
from http.client import HTTPException
from urllib.parse import SplitResult, urlsplit
from urllib.request import urlopen

from merlin.config import Config, is_engine, process_names
from merlin.core.errors import MerlinError
from merlin.core.heartbeat import Heartbeat, health_problem
from merlin.daemon.main import TickCounts
from merlin.daemon.services import DaemonServices

WAIT_S, PING_WAIT_S = 2.0, 10.0


def engine_of(config: Config) -> SplitResult | None:
    """Return the address of Merlin's own engine, None where no provider is one.

    It may run on another machine or in another container: it is the provider with its key.
    """
    for provider in config.providers:
        if is_engine(config, provider) or provider.credential == config.engine.credential:
            return urlsplit(provider.base_url)
    return None


def look_at_engine(services: DaemonServices, engine: SplitResult) -> Callable[[], bool]:
    """Return the tick that writes the engine's heartbeat: the engine itself knows no database."""
    since: datetime | None = None
    url, host = f"{engine.scheme}://{engine.netloc}/healthz", engine.hostname or ""

    def look() -> bool:
        nonlocal since
        now = services.clock()
        try:
            urlopen(url, timeout=WAIT_S).close()  # noqa: S310 - judged with the configuration
        except (OSError, HTTPException):
            since = None
            return False
        since = since or now
        services.heartbeats.beat(Heartbeat("engine", host, 0, since, now, step="serving"))
        return False

    return look


def beat(services: DaemonServices, tally: TickCounts) -> Callable[[], bool]:
    """Return the tick that writes the daemon's own heartbeat."""
    since = services.clock()

    def write() -> bool:
        # First: a database that is away must not make us look dead.
        services.still_alive()
        services.heartbeats.beat(
            Heartbeat(
                process="daemon",
                host=socket.gethostname(),
                pid=os.getpid(),
                since=since,
                at=services.clock(),
                step=tally.step,
                counters=dict(tally.counts),
                failing=tally.bugs.failing,
            )
        )
        return False

    return write


def ping_monitor(services: DaemonServices) -> bool:
    """Tell the monitor that every process is well; while one is not, the monitor hears nothing.

    Raises MerlinError when the monitor does not take it.
    """
    beats, now = services.heartbeats.all(), services.clock()
    for name in process_names(services.config):
        if health_problem([each for each in beats if each.process == name], now):
            return False
    try:
        urlopen(services.ping_url, timeout=PING_WAIT_S).close()  # noqa: S310 - judged at the start
    except (OSError, HTTPException) as error:
        raise MerlinError(f"the monitor does not take the ping: {error}") from error
    return True
