"""The clock in UTC, times as ISO 8601, people's time zones.

Functions take the clock as an argument, so that tests can hand in their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from merlin.core.log import get_logger

log = get_logger(__name__)

# Any name that every machine with time zones has.
_SURE = "Europe/Moscow"


def is_zone(name: str) -> bool:
    """Return whether `name` is an IANA time zone that this machine knows."""
    return _found(name) is not None


def has_zones() -> bool:
    """Return whether this machine knows time zones at all; bare images may not."""
    return is_zone(_SURE)


@lru_cache(maxsize=512)
def zone_of(name: str) -> tzinfo:
    """Return the time zone `name`; UTC, with a warning, where this machine does not know it."""
    found = _found(name)
    if found is None:
        log.warning("this time zone is not known here, UTC is taken", zone=name)
        return UTC
    return found


def _found(name: str) -> tzinfo | None:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    # A name may be a folder of zones, or lead out of their folder.
    except (LookupError, ValueError, OSError):
        return None


Clock = Callable[[], datetime]
# A smaller step back is no more than a clock that is put right.
MIN_STEP_S = 1.0
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
        return step_s if step_s > MIN_STEP_S else 0.0

    def _ahead(self) -> float:
        """Return by how many seconds the wall clock is ahead of the monotonic one."""
        return self._clock().timestamp() - time.monotonic()
