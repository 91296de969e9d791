"""Moment: a time as people say it, in their language and their time zone."""

from __future__ import annotations

from datetime import datetime, tzinfo

from merlin.core.clock import in_zone
from merlin.core.text import text


def told(at: datetime, zone: tzinfo, language: str) -> str:
    """Return the whole moment: "20 ноября 2026, 13:12"."""
    here = in_zone(at, zone)
    return text(
        language,
        "moment-told",
        day=here.day,
        month=text(language, "moment-month", month=here.month),
        year=str(here.year),
        time=f"{here:%H:%M}",
    )


def brief(at: datetime, zone: tzinfo, language: str) -> str:
    """Return the moment without its year, for lists: "20 ноя, 13:12"."""
    here = in_zone(at, zone)
    month = text(language, "moment-month-brief", month=here.month)
    return text(language, "moment-brief", day=here.day, month=month, time=f"{here:%H:%M}")
