"""Heartbeat: what a process says of itself once a second, and what others conclude.

A step that fails by a bug stops alone, so the process lives on; its heartbeat says which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from merlin.core.errors import MerlinError
from merlin.core.i18n import text

SILENT_AFTER_S = 10.0
# A bug that comes so often in a row comes by no accident.
LASTING = 3
_MAX_REASON_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The newest words of one process on one host; `failing`: why a step fails, by its name."""

    process: str
    host: str
    pid: int
    since: datetime
    at: datetime
    step: str = ""
    counters: Mapping[str, int] = field(default_factory=dict)
    failing: Mapping[str, str] = field(default_factory=dict)

    def is_alive(self, now: datetime) -> bool:
        """Return whether it spoke within the last ten seconds."""
        return (now - self.at).total_seconds() < SILENT_AFTER_S


def illness_of(beats: Sequence[Heartbeat], now: datetime) -> MerlinError | None:
    """Return why a process with these heartbeats is not well, None when it is."""
    if not beats:
        return MerlinError("no heartbeat", "ill-never")
    newest = max(beats, key=lambda beat: beat.at)
    if newest.is_alive(now):
        for step, reason in newest.failing.items():
            return MerlinError(f"{step} fails: {reason}", "ill-failing", step=step, reason=reason)
        return None
    at = newest.at.isoformat(timespec="seconds")
    return MerlinError(f"silent since {at}", "ill-still", at=at)


def describe_step(language: str, step: str) -> str:
    """Return what a process says that it does, for people; a daemon's ticks are just its work."""
    known = {"serving": "step-serving", "telegram is down": "step-telegram-down"}
    return text(language, known.get(step, "step-working"))


@dataclass(slots=True)
class BugCount:
    """How often each step of a process failed by a bug since it last succeeded."""

    counts: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def failed(self, step: str, bug: Exception) -> None:
        """Count one more bug of a step."""
        self.counts[step] = self.counts.get(step, 0) + 1
        self.reasons[step] = f"{type(bug).__name__}: {bug}"[:_MAX_REASON_LENGTH]

    def succeeded(self, step: str) -> None:
        """Forget the bugs of a step."""
        self.counts.pop(step, None)

    @property
    def failing(self) -> dict[str, str]:
        """Return the reason of each step that failed by a bug LASTING times in a row or more."""
        return {
            step: self.reasons[step] for step, count in [*self.counts.items()] if count >= LASTING
        }
