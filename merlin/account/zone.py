"""Zone: whose day turns when; IANA names through the machine's own time zones."""

from __future__ import annotations

from datetime import UTC, tzinfo
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
