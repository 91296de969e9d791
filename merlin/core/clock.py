"""UTC clock, ISO 8601 timestamps, people's time zones.

Functions take the clock as an argument, so that tests can pass their own.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo


def is_zone(name: str) -> bool:
    """Return whether `name` is an IANA time zone that this machine knows."""
    return _find_zone(name) is not None


@lru_cache(maxsize=512)
def zone_of(name: str) -> tzinfo:
    """Return the time zone `name`, UTC if it is unknown here."""
    return _find_zone(name) or UTC


def _find_zone(name: str) -> tzinfo | None:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    # The name may be a directory of zones or point outside their directory.
    except (LookupError, ValueError, OSError):
        return None


Clock = Callable[[], datetime]
_DAY = timedelta(days=1)


def utc_now() -> datetime:
    """Return the present moment as an aware UTC time."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """Format a moment for storage and programs: ISO 8601, UTC, microseconds."""
    return in_zone(moment, UTC).isoformat(timespec="microseconds")


def from_iso(text: str) -> datetime:
    """Parse a timestamp written by `iso`."""
    return datetime.fromisoformat(text).astimezone(UTC)


def in_zone(moment: datetime, zone: tzinfo | None = None) -> datetime:
    """Convert an aware moment to a time zone; None: this machine's zone.

    A stored moment may lie at the very edge of what datetime can express (a commit may claim any
    date up to the year 9999), so that the conversion overflows: then return it shifted by a day.
    """
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError):
        is_late = moment.year > 1
        shifted = moment - _DAY if is_late else moment + _DAY
        return shifted.astimezone(zone)


# How far the clock of another process that has begun a wait may be ahead.
SKEW = timedelta(minutes=1)


def is_recent(moment: datetime, now: datetime, within: timedelta) -> bool:
    """Return whether a moment is less than `within` ago.

    One of the future never is: the clock was set back since, by nobody knows how much.
    """
    return timedelta() <= now - moment < within


def is_waiting(until: datetime, now: datetime, longest: timedelta) -> bool:
    """Return whether a wait of at most `longest` still lasts.

    One that would last longer began before the clock was set back. It is over: it would last as
    much longer as the clock was set back.
    """
    return now < until <= now + longest + SKEW


class ClockSteps:
    """Notices when the clock was set, or stood still with the machine; slow corrections do not."""

    _LEAST_S = 1.0

    def __init__(self) -> None:
        self._ahead_s = time.time() - time.monotonic()

    def has_stepped(self) -> bool:
        """Return whether it has been set since the last call."""
        before = self._ahead_s
        self._ahead_s = time.time() - time.monotonic()
        return abs(self._ahead_s - before) > self._LEAST_S


def start_of_day(day: date, zone: tzinfo) -> datetime:
    """Return the start of a day in `zone`, in UTC."""
    return in_zone(datetime(day.year, day.month, day.day, tzinfo=zone), UTC)


class Backoff:
    """The pauses after failures: each is twice as long as the one before, up to a maximum."""

    def __init__(
        self,
        first_s: float,
        longest_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._monotonic = monotonic
        self._next_s = first_s
        self._until = 0.0

    @property
    def left_s(self) -> float:
        """Return how long the last pause still lasts; 0 if it has passed or none has begun."""
        return max(0.0, self._until - self._monotonic())

    def begin(self, least_s: float = 0.0) -> float:
        """Begin the next pause; return its length, at least `least_s` within the maximum."""
        pause_s = min(self._longest_s, max(self._next_s, least_s))
        self._next_s = min(self._longest_s, 2 * self._next_s)
        self._until = self._monotonic() + pause_s
        return pause_s

    def reset(self) -> None:
        """After a success: make the next pause as short as the first."""
        self._next_s = self._first_s
