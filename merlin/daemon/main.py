"""The daemon's schedule; the ticks themselves come from wiring.

Each tick does one step and returns whether anything changed; APScheduler decides when. A tick
that changed something triggers the next one at once, so that a commit passes the whole chain
without waiting. A tick that fails is logged and retried at its next time: one bad commit or one
provider outage does not stop the others. One that repeatedly fails by a bug is reported to the
admins and makes the process unhealthy.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from merlin.core.clock import Clock, StepWatch, utc_now
from merlin.core.heap import exclude_loaded_objects
from merlin.core.heartbeat import ROUND_BOUNDS_MS, Failures, round_bucket
from merlin.core.log import get_logger

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

log = get_logger(__name__)

Run = Callable[[], bool]
Watch = Callable[[Callable[[], None]], AbstractContextManager[None]]
CLOCK_LOOK_S, WAKE_AGAIN_S = 1.0, 0.1


@dataclass(frozen=True, slots=True)
class Tick:
    """One scheduled step: `run` returns whether anything changed; `wakes` names the next tick.

    `is_asked`: other processes request it in the database, so it runs as soon as that changes.
    """

    name: str
    run: Run
    period_s: float
    wakes: str = ""
    is_asked: bool = False


@dataclass(slots=True)
class TickCounts:
    """Statistics of the ticks for the heartbeat: `<tick>_<outcome>`, `<tick>_ms`, `<tick>_le<ms>`.

    `failures`: the ticks that failed the last time.
    """

    counts: dict[str, int] = field(default_factory=dict)
    failures: Failures = field(default_factory=Failures)

    def count(self, name: str, more: int = 1) -> None:
        """Add one, or more."""
        self.counts[name] = self.counts.get(name, 0) + more

    def took(self, tick: str, duration_ms: int) -> None:
        """Count the duration of a round: their sum, and the bucket of its histogram."""
        bound = next((bound for bound in ROUND_BOUNDS_MS if duration_ms <= bound), None)
        self.count(f"{tick}_ms", duration_ms)
        self.count(round_bucket(tick, bound))


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
    # Here, because commands load this module for a single step.
    from apscheduler.executors.pool import ThreadPoolExecutor  # noqa: PLC0415 - see above
    from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415 - see above

    stop = stop or event_on_signal()
    pool = ThreadPoolExecutor(len(ticks))
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": pool},
        job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
    )
    for tick in ticks:
        scheduler.add_job(
            run_tick,
            "interval",
            (tick, tally, scheduler),
            id=tick.name,
            seconds=tick.period_s,
            next_run_time=datetime.now(UTC),
        )
    exclude_loaded_objects()
    scheduler.start()
    log.info("daemon started", ticks={tick.name: tick.period_s for tick in ticks})
    on_ready()
    names = [tick.name for tick in ticks if tick.is_asked]
    with watch(ask_ticks(scheduler, names)):
        watch_clock(scheduler, stop)
    # The scheduler would wait while holding the lock that a tick needs to trigger another one.
    scheduler.shutdown(wait=False)
    on_stop()
    pool.shutdown(wait=True)
    log.info("daemon stopped")


def ask_ticks(scheduler: BackgroundScheduler, names: Sequence[str]) -> Callable[[], None]:
    """Return the function that runs these ticks now: at most ten times a second.

    A bot behind a webhook makes a request for every message.
    """
    due = 0.0

    def ask() -> None:
        nonlocal due
        now = time.monotonic()
        if now < due:  # they have not started yet
            return
        due = max(now, due + WAKE_AGAIN_S)
        at = datetime.now(UTC) + timedelta(seconds=due - now)
        for name in names:
            scheduler.modify_job(name, next_run_time=at)

    return ask


def watch_clock(
    scheduler: BackgroundScheduler, stop: threading.Event, clock: Clock = utc_now
) -> None:
    """Wait for `stop`; run every tick whenever the wall clock was set back.

    APScheduler waits for a time of day, and would otherwise wait until the clock has caught up.
    """
    watch = StepWatch(clock)
    while not stop.wait(CLOCK_LOOK_S):
        if watch.was_set_back():
            for job in scheduler.get_jobs():
                job.modify(next_run_time=datetime.now(UTC))


def run_tick(tick: Tick, tally: TickCounts, scheduler: BackgroundScheduler) -> None:
    """Run one tick, count the outcome, and trigger the next one if something changed."""
    begun = time.monotonic()
    try:
        moved = tick.run()
    except Exception as error:  # noqa: BLE001 - it is logged
        tally.count(f"{tick.name}_error")
        tally.failures.add("tick could not finish", error, tick.name)
        return
    finally:
        tally.took(tick.name, round(1000 * (time.monotonic() - begun)))
    tally.failures.end(tick.name)
    tally.count(f"{tick.name}_{'success' if moved else 'noop'}")
    if moved and tick.wakes:
        from apscheduler.jobstores.base import JobLookupError  # noqa: PLC0415 - as in `run`

        with suppress(JobLookupError):  # the daemon stops: no tick runs any more
            scheduler.modify_job(tick.wakes, next_run_time=datetime.now(UTC))


def event_on_signal() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set; call it in the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop
