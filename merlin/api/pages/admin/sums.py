"""Sums: the time that the board shows, and what the ledger says of each day, as pure functions.

Tests are no money: they are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from merlin.billing.amount import Currency
from merlin.billing.ledger import Entry, EntryKind
from merlin.core.clock import in_zone

_MONEY = (EntryKind.PAYMENT, EntryKind.REFUND)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of one currency, in minor units."""

    day: date
    paid: int = 0
    returned: int = 0


def months(now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return when the last month and this one began."""
    this = now.astimezone(zone).date().replace(day=1)
    last = (this - timedelta(days=1)).replace(day=1)
    return datetime.combine(last, time(), zone), datetime.combine(this, time(), zone)


def how_many_tests(entries: Iterable[Entry]) -> int:
    """Return how many payments were tests."""
    return sum(each.kind is EntryKind.PAYMENT and each.is_test for each in entries)


def days_of(
    entries: Iterable[Entry], currency: Currency, since: date, until: date, zone: tzinfo
) -> list[Day]:
    """Return every day of a time in a currency, those without money too; `until` is the last."""
    length = (until - since).days + 1
    sums = {since + timedelta(days=place): [0, 0] for place in range(length)}
    for each in entries:
        day = in_zone(each.at, zone).date()
        is_money = each.kind in _MONEY and each.amount.currency is currency and not each.is_test
        if is_money and day in sums:
            sums[day][each.kind is EntryKind.REFUND] += each.amount.minor
    return [Day(day, paid, returned) for day, (paid, returned) in sums.items()]
