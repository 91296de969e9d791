"""The time of day, in UTC, at one place, so that tests can hand in their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

Clock = Callable[[], datetime]
# A smaller step back is no more than a clock that is put right.
LEAST_STEP_S = 1.0
_DAY = timedelta(days=1)


def utc_now() -> datetime:
    """Return the present moment as an aware UTC time."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """Return `moment` as it is stored and shown to programs: ISO 8601, UTC, microseconds."""
    return in_zone(moment, UTC).isoformat(timespec="microseconds")


def from_iso(text: str) -> datetime:
    """Return the moment that `iso` wrote."""
    return datetime.fromisoformat(text).astimezone(UTC)


def in_zone(moment: datetime, zone: tzinfo | None = None) -> datetime:
    """Return an aware moment as the clocks of a time zone show it; None: this machine's zone.

    What is stored may lie at the very end of time (a commit may claim any date up to the year
    9999), where another zone's clock has no number: then it is told a day inside.
    """
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError):
        is_last = moment.year > 1
        inside = moment - _DAY if is_last else moment + _DAY
        return inside.astimezone(zone)


class StepWatch:
    """Notices that the wall clock was set back, by the monotonic one, which never is.

    Who waits for a time of day would wait as long as the step: what waits is due then.
    """

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._ahead_s = self._ahead()

    def step_back_s(self) -> float:
        """Return by how many seconds the clock was set back since the last call, 0 for not."""
        before, self._ahead_s = self._ahead_s, self._ahead()
        step_s = before - self._ahead_s
        return step_s if step_s > LEAST_STEP_S else 0.0

    def _ahead(self) -> float:
        """Return by how many seconds the wall clock is ahead of the monotonic one."""
        return self._clock().timestamp() - time.monotonic()
