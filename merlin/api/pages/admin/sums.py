"""Sums: what the ledger says came in and went back, by till, month and day, as pure functions.

Tests are no money: they are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from merlin.billing.amount import Amount, Currency
from merlin.billing.ledger import Entry, EntryKind
from merlin.billing.purchase import Till

_MONEY = (EntryKind.PAYMENT, EntryKind.REFUND)


@dataclass(frozen=True, slots=True)
class Sum:
    """One till and currency in a time: what was paid and sent back, and how often."""

    till: Till
    currency: Currency
    paid: int = 0
    returned: int = 0
    payments: int = 0
    refunds: int = 0

    @property
    def net(self) -> int:
        """Return what stayed, in minor units; below 0 where more of earlier money went back."""
        return self.paid - self.returned

    def amount(self, minor: int) -> Amount:
        """Return minor units as an amount of this currency."""
        return Amount(minor, self.currency)


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


def sums_of(entries: Iterable[Entry]) -> list[Sum]:
    """Return the sums of real money, a till and currency each, Stars last."""
    found: dict[tuple[Till, Currency], list[Entry]] = {}
    for each in entries:
        if each.kind in _MONEY and not each.is_test:
            found.setdefault((each.till, each.amount.currency), []).append(each)
    return [_sum(*key, rows) for key, rows in sorted(found.items(), reverse=True)]


def _sum(till: Till, currency: Currency, rows: Sequence[Entry]) -> Sum:
    paid = [each.amount.minor for each in rows if each.kind is EntryKind.PAYMENT]
    back = [each.amount.minor for each in rows if each.kind is EntryKind.REFUND]
    return Sum(till, currency, sum(paid), sum(back), len(paid), len(back))


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
        day = each.at.astimezone(zone).date()
        is_money = each.kind in _MONEY and each.amount.currency is currency and not each.is_test
        if is_money and day in sums:
            sums[day][each.kind is EntryKind.REFUND] += each.amount.minor
    return [Day(day, paid, returned) for day, (paid, returned) in sums.items()]
