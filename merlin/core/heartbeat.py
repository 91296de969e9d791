"""Heartbeats: what a process reports about itself every second, and its health derived from it.

A step that fails because of a bug stops alone and the process lives on; the heartbeat names it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from merlin.core.errors import MerlinError
from merlin.core.i18n import format_time, text

SILENT_AFTER_S = 10.0
# A heartbeat further in the future was sent before the clock was set back.
_MAX_AHEAD_S = 60.0
# So many bugs in a row are not accidental.
PERSISTENT_FAILURES = 3
_MAX_REASON_LENGTH = 300
# Bounds of the histogram of a task's rounds: a look takes milliseconds, a first build minutes.
ROUND_BOUNDS_MS = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000)


def round_bucket(task: str, bound_ms: int | None) -> str:
    """Return the counter of a task's rounds up to a bound of the histogram, None for longer."""
    return f"{task}_le{'Inf' if bound_ms is None else bound_ms}"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The latest report of a process on a host; `failing` maps failing steps to their reasons."""

    process: str
    host: str
    pid: int
    since: datetime
    at: datetime
    step: str = ""
    counters: Mapping[str, int] = field(default_factory=dict)
    failing: Mapping[str, str] = field(default_factory=dict)

    def is_alive(self, now: datetime) -> bool:
        """Return whether the process reported within the last ten seconds."""
        return -_MAX_AHEAD_S < (now - self.at).total_seconds() < SILENT_AFTER_S


def is_known(beat: Heartbeat, beats: Iterable[Heartbeat], now: datetime) -> bool:
    """Return whether it is known if a process is alive: a daemon reports for the engine."""
    return beat.process != "engine" or any(
        each.process in ("daemon", "engine") and each.is_alive(now) for each in beats
    )


def list_current(beats: Sequence[Heartbeat], now: datetime) -> list[Heartbeat]:
    """Return the live heartbeats, and the newest one of each process that lives on no host.

    All others are of hosts that were replaced: each new pod and container is a host of its own.
    """
    live = {beat.process for beat in beats if beat.is_alive(now)}
    silent = {
        beat.process: beat
        for beat in sorted(beats, key=lambda beat: beat.at)
        if beat.process not in live
    }
    return [beat for beat in beats if beat.is_alive(now) or beat is silent.get(beat.process)]


def health_problem(beats: Sequence[Heartbeat], now: datetime) -> MerlinError | None:
    """Return why a process with these heartbeats is unhealthy, None if it is healthy."""
    if not beats:
        return MerlinError("no heartbeat", "unhealthy-never-started")
    newest = max(beats, key=lambda beat: beat.at)
    if newest.is_alive(now):
        for step, reason in newest.failing.items():
            return MerlinError(
                f"{step} fails: {reason}", "unhealthy-failing", step=step, reason=reason
            )
        return None
    at = format_time(newest.at)
    return MerlinError(f"silent since {at}", "unhealthy-no-signal", at=at)


# What /readyz says of a database that stores nothing, by the key of the error; otherwise "silent".
DATABASE_STATES = {"store-full": "full", "store-no-room": "full", "store-read-only": "read-only"}
# The key of the error that explains this state; otherwise "unhealthy-database".
STATE_ERRORS = {"full": "store-full", "read-only": "store-read-only"}


@dataclass(slots=True)
class CommitProgress:
    """How many of the new commits a daemon has processed; `total` is 0 if it processes none.

    `checked` of the `datasets` that the current commit changed are checked.
    """

    done: int = 0
    total: int = 0
    checked: int = 0
    datasets: int = 0

    @property
    def step(self) -> str:
        """Return the step of the daemon's heartbeat, "" if it processes no commits."""
        counts = f"{self.done} {self.total} {self.checked} {self.datasets}"
        return f"commits {counts}" if self.total else ""


def describe_step(language: str, step: str) -> str:
    """Return the description of a step for users; a daemon's other ticks are described as work."""
    if step.startswith("commits "):
        # A daemon of another version may count less.
        done, total, checked, datasets, *_ = [*map(int, step.split()[1:]), 0, 0]
        counts = {"done": done, "total": total, "checked": checked, "datasets": datasets}
        return text(language, "step-commits", **counts)
    known = {
        "serving": "step-serving",
        "telegram is down": "step-telegram-down",
        "fetch fails": "step-fetch-fails",
    }
    return text(language, known.get(step, "step-working"))


@dataclass(slots=True)
class BugCount:
    """Counts how often each step of a process failed because of a bug since its last success."""

    counts: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def count_failure(self, step: str, bug: Exception) -> None:
        """Count another bug of a step."""
        self.counts[step] = self.counts.get(step, 0) + 1
        self.reasons[step] = f"{type(bug).__name__}: {bug}"[:_MAX_REASON_LENGTH]

    def reset(self, step: str) -> None:
        """Reset the count of a step."""
        self.counts.pop(step, None)

    @property
    def failing(self) -> dict[str, str]:
        """Return the reason of each step that failed PERSISTENT_FAILURES times in a row or more."""
        return {
            step: self.reasons[step]
            for step, count in [*self.counts.items()]
            if count >= PERSISTENT_FAILURES
        }
