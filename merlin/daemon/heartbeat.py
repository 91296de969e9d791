"""Heartbeats of the daemon and the engine, and the ping to an external monitor.

The monitor expects a ping each minute and alerts a person when it is missing: this covers a
machine without power or network, which cannot report itself.
"""

import os
import socket
from collections.abc import Callable
from datetime import datetime

from merlin.app.health import engine_address
from merlin.config import process_names
from merlin.core.errors import MerlinError
from merlin.core.heartbeat import Heartbeat, health_problem
from merlin.core.network import fetch_url
from merlin.daemon.main import TickCounts
from merlin.daemon.services import DaemonServices
from merlin.db.database import require_room

ENGINE_TIMEOUT_S, PING_TIMEOUT_S = 2.0, 10.0


def engine_tick(services: DaemonServices) -> Callable[[], bool] | None:
    """Return the tick that writes the engine's heartbeat: the engine has no database access.

    None without an engine.
    """
    engine = engine_address(services.config)
    if engine is None:
        return None
    since: datetime | None = None
    url, host = f"{engine.scheme}://{engine.netloc}/healthz", engine.hostname or ""

    def tick() -> bool:
        nonlocal since
        now = services.clock()
        try:
            fetch_url(url, ENGINE_TIMEOUT_S)
        except OSError:
            since = None
            return False
        since = since or now
        services.heartbeats.beat(Heartbeat("engine", host, 0, since, now, step="serving"))
        return False

    return tick


def heartbeat_tick(services: DaemonServices, tally: TickCounts) -> Callable[[], bool]:
    """Return the tick that writes the daemon's own heartbeat."""
    since = services.clock()

    def tick() -> bool:
        # First, so that an unavailable database does not make this process look dead.
        services.still_alive()
        unfetched = "fetch fails" if "fetch" in tally.failures else ""
        services.heartbeats.beat(
            Heartbeat(
                process="daemon",
                host=socket.gethostname(),
                pid=os.getpid(),
                since=since,
                at=services.clock(),
                step=services.build_settings.progress.step or unfetched,
                counters={**services.db.connection_counter, **tally.counts},
                failing=tally.failures.bugs,
            )
        )
        return False

    return tick


def ping_monitor(services: DaemonServices) -> bool:
    """Ping the monitor if every process is healthy; return whether it was pinged.

    Raises MerlinError if the monitor does not accept the ping, or the state folder's disk is full.
    """
    require_room(services.config.state_dir)
    beats, now = services.heartbeats.list_all(), services.clock()
    for name in process_names(services.config):
        if health_problem([heartbeat for heartbeat in beats if heartbeat.process == name], now):
            return False
    try:
        fetch_url(services.ping_url, PING_TIMEOUT_S)
    except OSError as error:
        raise MerlinError(f"the monitor does not take the ping: {error}") from error
    return True
