"""The daemon's schedule: it knows when, not what; the ticks come from wiring.

Each tick does one step and returns whether it moved anything; APScheduler decides when. A
tick that moved something wakes the next one at once, so that a commit goes through the whole
chain without waiting. A tick that fails is logged and tried again at its next time: one bad
commit or one provider outage never stops the others.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from merlin.core.errors import MerlinError
from merlin.core.log import get_logger

log = get_logger(__name__)

Run = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Tick:
    """One scheduled step: `run` returns whether it moved anything; `wakes` names who is next."""

    name: str
    run: Run
    period_s: float
    wakes: str = ""


@dataclass(slots=True)
class Tally:
    """What the ticks did so far, for the heartbeat: counts by `<tick>_<outcome>`."""

    counts: dict[str, int] = field(default_factory=dict)
    step: str = ""

    def count(self, name: str) -> None:
        """Add one."""
        self.counts[name] = self.counts.get(name, 0) + 1


def run(
    ticks: Sequence[Tick],
    tally: Tally,
    on_ready: Callable[[], object],
    stop: threading.Event | None = None,
) -> None:
    """Run every tick at its period until SIGTERM or SIGINT, then finish what is under way.

    A tick never overlaps itself; runs missed in a pause collapse into one.
    """
    stop = stop or event_on_signal()
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(len(ticks))},
        job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
    )
    for tick in ticks:
        scheduler.add_job(
            _guarded,
            "interval",
            (tick, tally, scheduler),
            id=tick.name,
            seconds=tick.period_s,
            next_run_time=datetime.now(UTC),
        )
    scheduler.start()
    log.info("daemon started", ticks={tick.name: tick.period_s for tick in ticks})
    on_ready()
    stop.wait()
    scheduler.shutdown(wait=True)
    log.info("daemon stopped")


def run_once(ticks: Mapping[str, Tick], names: Sequence[str]) -> None:
    """Run these ticks in order, here and now; used by commands that hold the lead themselves."""
    for name in names:
        ticks[name].run()


def _guarded(tick: Tick, tally: Tally, scheduler: BackgroundScheduler) -> None:
    tally.step = tick.name
    try:
        moved = tick.run()
    except MerlinError as error:
        tally.count(f"{tick.name}_error")
        log.warning("tick could not finish", tick=tick.name, reason=str(error))
        return
    except Exception:
        tally.count(f"{tick.name}_error")
        log.exception("tick failed", tick=tick.name)
        return
    tally.count(f"{tick.name}_{'success' if moved else 'noop'}")
    if moved and tick.wakes and scheduler.running:
        scheduler.modify_job(tick.wakes, next_run_time=datetime.now(UTC))


def event_on_signal() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set; call it in the main thread."""
    stop = threading.Event()

    def ask_to_stop(_signum: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    return stop
