"""Heartbeats: what a process reports about itself every second, and its health derived from it.

A step that fails because of a bug stops alone and the process lives on; the heartbeat names it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from socket import gethostname

from merlin.core.errors import MerlinError
from merlin.core.i18n import format_time, text
from merlin.core.log import get_logger, redact

log = get_logger(__name__)

SILENT_AFTER_S = 10.0
# The step of a bot whose last calls got no answer.
TELEGRAM_DOWN = "telegram is down"
# So many bugs in a row are not accidental.
PERSISTENT_FAILURES = 3
_MAX_REASON_LENGTH = 300


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

    @property
    def has_process(self) -> bool:
        """Return whether its process lives, if that is one of this host."""
        return Path(f"/proc/{self.pid}").exists()

    def is_alive(self, now: datetime) -> bool:
        """Return whether the process reported within the last ten seconds.

        By a clock that may differ from this host's by as much, but by no more: what would be alive
        in an hour was said before the clock was set back.
        """
        return abs((now - self.at).total_seconds()) < SILENT_AFTER_S


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
    return [
        beat for beat in beats if beat.is_alive(now) or beat is silent.get(beat.process)
    ]


def health_problem(beats: Sequence[Heartbeat], now: datetime) -> MerlinError | None:
    """Return why a process with these heartbeats is unhealthy, None if it is healthy."""
    if not beats:
        return MerlinError("no heartbeat", "unhealthy-never-started")
    newest = max(beats, key=lambda beat: (beat.is_alive(now), beat.at))
    if newest.is_alive(now):
        for step, reason in newest.failing.items():
            return MerlinError(
                f"{step} fails: {reason}", "unhealthy-failing", step=step, reason=reason
            )
        return None
    at = format_time(newest.at)
    if newest.host == gethostname() and newest.has_process:
        silent_s = int((now - newest.at).total_seconds())
        key = "unhealthy-silent-for" if silent_s > 0 else "unhealthy-sign-ahead"
        return MerlinError(f"silent since {at}", key, seconds=abs(silent_s))
    return MerlinError(f"silent since {at}", "unhealthy-no-signal", at=at)


# What /readyz says of a database that stores nothing, by the key of the error; otherwise "silent".
DATABASE_STATES = {
    "store-full": "full",
    "store-no-room": "full",
    "store-read-only": "read-only",
}


@dataclass(slots=True)
class CommitProgress:
    """How many of the new commits a daemon has processed; `total` is 0 if it processes none."""

    done: int = 0
    total: int = 0

    @property
    def step(self) -> str:
        """Return the step of the daemon's heartbeat, "" if it processes no commits."""
        return f"commits {self.done} {self.total}" if self.total else ""


def describe_step(language: str, step: str) -> str:
    """Return the description of a step for users; a daemon's other ticks are described as work."""
    if step.startswith("commits "):
        done, total = map(int, step.split()[1:])
        return text(language, "step-commits", done=done, total=total)
    known = {
        "serving": "step-serving",
        TELEGRAM_DOWN: "step-telegram-down",
        "updates go elsewhere": "step-updates-elsewhere",
        "fetch fails": "step-fetch-fails",
    }
    return text(language, known.get(step, "step-working"))


class Failures:
    """The steps of a process that fail again and again.

    Each failure is logged once for each reason, and its end once: a long outage must not fill the
    disk with log lines. All errors but the `expected` ones are bugs.
    """

    def __init__(
        self, expected: tuple[type[BaseException], ...] = (MerlinError,)
    ) -> None:
        self._expected = expected
        # The event, the reason and the number of bugs in a row of each failing step.
        self._latest: dict[str, tuple[str, str, int]] = {}

    def __contains__(self, step: str) -> bool:
        """Return whether the step failed the last time."""
        return step in self._latest

    def add(
        self, event: str, error: BaseException, step: str = "", **values: object
    ) -> None:
        """Record a failure of a step; a bug is logged with its traceback."""
        is_bug = not isinstance(error, self._expected)
        kind = "" if isinstance(error, MerlinError) else f"{type(error).__name__}: "
        reason = redact(f"{kind}{error}")[:_MAX_REASON_LENGTH]
        _, last_reason, bugs = self._latest.get(step, ("", "", 0))
        if reason != last_reason:
            write = log.exception if is_bug else log.warning
            write(event, reason=reason, **_name(step), **values)
        self._latest[step] = event, reason, bugs + 1 if is_bug else 0

    def end(self, step: str = "") -> None:
        """Record a success of a step."""
        if step in self._latest:
            event, *_ = self._latest.pop(step)
            log.info("this failure is over", failure=event, **_name(step))

    @property
    def bugs(self) -> dict[str, str]:
        """Return the reason of each step with PERSISTENT_FAILURES bugs in a row or more."""
        latest = [*self._latest.items()]
        return {
            step: reason for step, (_, reason, n) in latest if n >= PERSISTENT_FAILURES
        }


def _name(step: str) -> dict[str, str]:
    return {"step": step} if step else {}
