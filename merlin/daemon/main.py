"""The daemon's schedule, its heartbeat and the engine's; the other ticks come from wiring.

Each tick does one step and returns whether anything changed; APScheduler decides when. A tick
that changed something triggers the next one at once, so that a commit passes the whole chain
without waiting. A tick that fails is logged and retried at its next time: one bad commit or one
provider outage does not stop the others. One that repeatedly fails by a bug is reported to the
admins and makes the process unhealthy.

An external monitor expects a ping each minute and alerts a person when it is missing: this covers a
machine without power or network, which cannot report itself.
"""

from __future__ import annotations

import _thread
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

from merlin.app.health import engine_address
from merlin.config import process_names
from merlin.core.clock import ClockSteps
from merlin.core.errors import MerlinError
from merlin.core.heartbeat import (
    Failures,
    Heartbeat,
    health_problem,
)
from merlin.core.log import get_logger
from merlin.core.network import fetch_url
from merlin.db.database import require_room

if TYPE_CHECKING:
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler

    from merlin.daemon.services import DaemonServices

log = get_logger(__name__)

Run = Callable[[], bool]
Watch = Callable[[Callable[[], None]], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Tick:
    """One scheduled step: `run` returns whether anything changed; `wakes` names the next ticks.

    `is_asked`: other processes request it in the database, so it runs as soon as that changes.
    `again_s` returns after how long it runs again before its period, 0 if it need not.
    """

    name: str
    run: Run
    period_s: float
    wakes: Sequence[str] = ()
    is_asked: bool = False
    again_s: Callable[[], float] = float


@dataclass(slots=True)
class TickCounts:
    """Statistics of the ticks for the heartbeat: `<tick>_<outcome>`, `<tick>_ms`.

    `failures`: the ticks that failed the last time.
    """

    counts: dict[str, int] = field(default_factory=dict)
    failures: Failures = field(default_factory=Failures)

    def count(self, name: str, more: int = 1) -> None:
        """Add one, or more."""
        self.counts[name] = self.counts.get(name, 0) + more


_STOP_POLL_S = 1.0


def run(
    ticks: Sequence[Tick],
    tally: TickCounts,
    on_ready: Callable[[], object],
    stop: threading.Event | None = None,
    watch: Watch = lambda _: nullcontext(),
    on_stop: Callable[[], object] = lambda: None,
) -> None:
    """Run every tick at its period until SIGTERM or SIGINT, then finish what is in progress.

    A tick never overlaps itself; runs missed during a pause are combined into one. `watch` calls
    its argument when another process has made a request; `on_stop` ends what would take too long.
    """
    stop = stop or event_on_signal()
    steps = ClockSteps()
    scheduler, pool = _make_scheduler(ticks, tally)
    scheduler.start()
    log.info("daemon started", ticks={tick.name: tick.period_s for tick in ticks})
    on_ready()
    names = [tick.name for tick in ticks if tick.is_asked]
    with watch(partial(run_now, scheduler, names)):
        # With a timeout: another thread may take the signal, for example while it starts a thread
        # or forks. Python only notes that then, and its handler runs when this thread wakes.
        while not stop.wait(_STOP_POLL_S):
            # APScheduler waits until a time of the clock: set back by a day, it would sleep a day.
            if steps.has_stepped():
                run_now(scheduler, [tick.name for tick in ticks])
    # The scheduler would wait while holding the lock that a tick needs to trigger another one.
    scheduler.shutdown(wait=False)
    on_stop()
    pool.shutdown(wait=True)
    log.info("daemon stopped")


def _make_scheduler(
    ticks: Sequence[Tick], tally: TickCounts
) -> tuple[BackgroundScheduler, ThreadPoolExecutor]:
    """Return a scheduler that runs each tick first now, and the threads in which they run."""
    # Here, because commands load this module for a single step.
    from apscheduler.executors.pool import ThreadPoolExecutor  # noqa: PLC0415 - see above
    from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415 - see above
    from apscheduler.triggers.base import BaseTrigger  # noqa: PLC0415 - see above

    class Period(BaseTrigger):  # type: ignore[misc]  # it has no types
        """The pause between two runs.

        APScheduler's own interval lists each run that was missed, before it combines them: on a
        machine whose clock begins at 1970 and is set later, thousands of millions.
        """

        def __init__(self, period_s: float) -> None:
            self._period = timedelta(seconds=period_s)

        def get_next_fire_time(
            self, _previous: datetime | None, now: datetime
        ) -> datetime:
            return now + self._period

    pool = ThreadPoolExecutor(len(ticks))
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": pool},
        job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
    )
    for tick in ticks:
        scheduler.add_job(
            run_tick,
            Period(tick.period_s),
            (tick, tally, scheduler),
            id=tick.name,
            next_run_time=datetime.now(UTC),
        )
    return scheduler, pool


def run_now(
    scheduler: BackgroundScheduler, names: Sequence[str], in_s: float = 0.0
) -> None:
    """Run these ticks now, or in some seconds, instead of at their next time."""
    at = datetime.now(UTC) + timedelta(seconds=in_s)
    for name in names:
        scheduler.modify_job(name, next_run_time=at)


def run_tick(tick: Tick, tally: TickCounts, scheduler: BackgroundScheduler) -> None:
    """Run one tick, count the outcome, and trigger the next one if something changed."""
    begun = time.monotonic()
    try:
        moved = tick.run()
        again_s = tick.again_s()
    except Exception as error:  # noqa: BLE001 - it is logged
        tally.count(f"{tick.name}_error")
        tally.failures.add("tick could not finish", error, tick.name)
        return
    finally:
        tally.count(f"{tick.name}_ms", round(1000 * (time.monotonic() - begun)))
    tally.failures.end(tick.name)
    tally.count(f"{tick.name}_{'success' if moved else 'noop'}")
    from apscheduler.jobstores.base import JobLookupError  # noqa: PLC0415 - as in `run`

    with suppress(JobLookupError):  # the daemon stops: no tick runs any more
        if moved and tick.wakes:
            run_now(scheduler, tick.wakes)
        if again_s:
            run_now(scheduler, [tick.name], again_s)


def event_on_signal() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set; call it in the main thread."""
    stop = threading.Event()

    def set_stop(_number: int, _frame: FrameType | None) -> None:
        # In a thread: within `stop.wait` this thread may hold the event's lock, and would wait for
        # itself. Seen: 4 of 1,500 waiting processes never ended.
        _thread.start_new_thread(stop.set, ())

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, set_stop)
    return stop


ENGINE_TIMEOUT_S = 2.0
PING_TIMEOUT_S = 10.0


def engine_tick(services: DaemonServices) -> Callable[[], bool] | None:
    """Return the tick that writes the engine's heartbeat: the engine has no database access.

    None without an engine.
    """
    engine = engine_address(services.config)
    if engine is None:
        return None
    since: datetime | None = None
    url = f"{engine.scheme}://{engine.netloc}/healthz"
    host = engine.hostname or ""

    def tick() -> bool:
        nonlocal since
        now = services.clock()
        try:
            fetch_url(url, ENGINE_TIMEOUT_S)
        except OSError:
            since = None
            return False
        since = since or now
        services.heartbeats.beat(
            Heartbeat("engine", host, 0, since, now, step="serving")
        )
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
                step=services.gathering.progress.step or unfetched,
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
    beats = services.heartbeats.list_all()
    now = services.clock()
    for name in process_names(services.config):
        if health_problem(
            [heartbeat for heartbeat in beats if heartbeat.process == name], now
        ):
            return False
    try:
        fetch_url(services.ping_url, PING_TIMEOUT_S)
    except OSError as error:
        raise MerlinError(f"the monitor does not take the ping: {error}") from error
    return True
