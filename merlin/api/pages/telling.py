"""Telling: times, amounts and numbers as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from merlin.account.zone import zone_of
from merlin.api.pages.visit import Visit
from merlin.core import moment
from merlin.core.money import told
from merlin.core.number import number
from merlin.core.text import keys, text

_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


def when(visit: Visit, at: datetime | str | None) -> str:
    """Return a moment in the person's zone, "20 ноя, 13:12", "–" for none."""
    if at is None:
        return "–"
    moment_at = datetime.fromisoformat(at) if isinstance(at, str) else at
    user = visit.caller.user
    zone = zone_of((user.zone if user else None) or visit.services.timezone)
    return moment.brief(moment_at.astimezone(UTC), zone, visit.language)


def day(visit: Visit, at: date) -> str:
    """Return a day: "20 ноя"."""
    month = text(visit.language, "moment-month-brief", month=at.month)
    return visit.say("day", day=at.day, month=month)


def day_of_year(visit: Visit, at: date) -> str:
    """Return a day with its year: "20 ноя 2026"."""
    return f"{day(visit, at)} {at.year}"


def span(visit: Visit, length: timedelta) -> str:
    """Return how long something lasts, in its largest unit: "4 мин"."""
    seconds = max(int(length.total_seconds()), 0)
    for unit, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if seconds >= unit:
            return text(visit.language, f"health-{name}", count=seconds // unit)
    return text(visit.language, "health-seconds", count=seconds)


def whole(visit: Visit, value: int) -> str:
    """Return a whole number by thousands."""
    return number(visit.language, value, 0)


def money(visit: Visit, micro: int, currency: str) -> str:
    """Return an amount of millionths: "0,79 $"; less than a cent is told to four digits."""
    return told(visit.language, micro, currency)


def word(visit: Visit, family: str, name: str) -> str:
    """Return the word of a stored value: `word-held`; one without a text stays as it is."""
    key = f"{family}-{name}"
    return text(visit.language, key) if key in keys(visit.language) else name
