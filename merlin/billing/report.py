"""What came in and went back, by month, gateway and plan; the ledger against the gateways.

What is in one and not in the other, another sum, another sum gone back: each is a line for an
admin to look into, and so is a fault in the ledger itself; nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, tzinfo
from enum import StrEnum
from typing import Self

from merlin.billing.ledger import Entry, EntryKind
from merlin.billing.purchases import Purchase
from merlin.core.clock import in_zone
from merlin.core.csv_cells import escape_formula
from merlin.core.money import Amount, Currency
from merlin.providers.payments import Gateway, GatewayPayment, Status


class Difference(StrEnum):
    """In what the two differ; the values are in Fluent keys and in JSON."""

    NOT_STORED = "not-stored"
    NOT_THERE = "not-there"
    NOT_PAID = "not-paid"
    AMOUNT = "amount"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Found:
    """One payment on which the two differ; None: that side knows nothing of it."""

    difference: Difference
    outside_id: str
    purchase_id: str
    ours: Amount | None
    theirs: Amount | None


def compare(entries: Sequence[Entry], seen: Iterable[GatewayPayment]) -> list[Found]:
    """Return the differences between a ledger's rows and a gateway's payments.

    `entries` are whole purchases: those of the time, and those that the gateway names. A payment
    that nobody made is no difference.
    """
    by_outside_id = {each.outside_id: each for each in seen}
    ours = {entry.outside_id: entry for entry in entries if entry.kind is EntryKind.PAYMENT}
    found = [*_of_theirs(by_outside_id, ours, _back(entries))]
    for outside_id, payment in ours.items():
        if outside_id not in by_outside_id:
            what = Difference.NOT_THERE
            found.append(Found(what, outside_id, payment.purchase_id, payment.amount, None))
    return found


def missing(entries: Iterable[Entry], seen: Iterable[GatewayPayment]) -> list[str]:
    """Return the payments of a ledger that a gateway's list lacks, to be read one by one."""
    known = {each.outside_id for each in seen}
    paid = [entry.outside_id for entry in entries if entry.kind is EntryKind.PAYMENT]
    return [each for each in paid if each not in known]


def _of_theirs(
    theirs: Mapping[str, GatewayPayment], ours: Mapping[str, Entry], back: Mapping[int, int]
) -> Iterator[Found]:
    for outside_id, there in theirs.items():
        here = ours.get(outside_id)
        is_paid = there.status is Status.SUCCEEDED and there.is_paid
        if here is None:
            if is_paid:
                what = Difference.NOT_STORED
                yield Found(what, outside_id, there.purchase_id, None, there.amount)
        elif not is_paid:
            what = Difference.NOT_PAID
            yield Found(what, outside_id, here.purchase_id, here.amount, there.amount)
        elif here.amount != there.amount:
            what = Difference.AMOUNT
            yield Found(what, outside_id, here.purchase_id, here.amount, there.amount)
        elif back.get(here.entry_id, 0) != there.refunded:
            currency = here.amount.currency
            we, they = back.get(here.entry_id, 0), there.refunded
            pair = (Amount(we, currency), Amount(they, currency))
            yield Found(Difference.RETURNED, outside_id, here.purchase_id, *pair)


def _back(entries: Sequence[Entry]) -> dict[int, int]:
    """Return what went back of each payment, by its row."""
    payments = {entry.entry_id: entry.refers for entry in entries if entry.kind is EntryKind.GRANT}
    back: dict[int, int] = {}
    for entry in entries:
        if entry.kind is EntryKind.REFUND and entry.refers is not None:
            payment = payments.get(entry.refers)
            if payment is not None:
                back[payment] = back.get(payment, 0) + entry.amount.minor
    return back


COLUMNS = (
    *("date", "kind", "order", "till", "plan", "title", "paid", "returned", "currency"),
    *("vat_code", "till_id", "test"),
)
_MONEY = frozenset({EntryKind.PAYMENT, EntryKind.REFUND})


_MINOR = {"description": "kopecks, or Stars"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Payments and refunds of one gateway in a currency, and what they came to; no tests."""

    gateway: Gateway = field(metadata={"alias": "till"})
    currency: Currency
    payments: int = 0
    paid: int = field(default=0, metadata=_MINOR)
    refunds: int = 0
    returned: int = field(default=0, metadata=_MINOR)

    @property
    def net(self) -> int:
        """Return what stayed; less than nothing where more of earlier money went back."""
        return self.paid - self.returned

    def amount(self, minor: int) -> Amount:
        """Return kopecks or Stars as an amount of this currency."""
        return Amount(minor, self.currency)

    def __add__(self, entry: Entry) -> Self:
        """Return this with one payment or refund more."""
        minor = entry.amount.minor
        if entry.kind is EntryKind.PAYMENT:
            return replace(self, payments=self.payments + 1, paid=self.paid + minor)
        return replace(self, refunds=self.refunds + 1, returned=self.returned + minor)


def totals(entries: Iterable[Entry]) -> list[Total]:
    """Return the totals of real money, a gateway and currency each, Stars last."""
    found: dict[tuple[Gateway, Currency], Total] = {}
    for entry in entries:
        if entry.kind in _MONEY and not entry.is_test:
            gateway, currency = key = entry.gateway, entry.amount.currency
            found[key] = found.get(key, Total(gateway=gateway, currency=currency)) + entry
    return [found[key] for key in sorted(found, reverse=True)]


def count_tests(entries: Iterable[Entry]) -> int:
    """Return how many payments were tests; tests are no money: they are counted apart."""
    return sum(entry.kind is EntryKind.PAYMENT and entry.is_test for entry in entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum(Total):
    """What one plan brought by one gateway in one month; tests apart."""

    month: str = field(metadata={"description": "2026-11, in the config's time zone"})
    plan: str
    is_test: bool


def sums(rows: Iterable[tuple[Entry, Purchase]], zone: tzinfo) -> list[Sum]:
    """Return the sums of a ledger's rows, the oldest month first; months are those of `zone`."""
    found: dict[tuple[str, Gateway, Currency, str, bool], Sum] = {}
    for entry, purchase in rows:
        if entry.kind not in _MONEY:
            continue
        month, plan = f"{in_zone(entry.at, zone):%Y-%m}", purchase.order.promise.plan
        gateway, currency, is_test = entry.gateway, entry.amount.currency, entry.is_test
        empty = Sum(month=month, gateway=gateway, currency=currency, plan=plan, is_test=is_test)
        key = month, gateway, currency, plan, is_test
        found[key] = found.get(key, empty) + entry
    return [found[key] for key in sorted(found)]


def day_start(day: date, zone: tzinfo) -> datetime:
    """Return the first moment of a day of `zone`, in UTC."""
    return in_zone(datetime.combine(day, time(), zone), UTC)


def signed(minor: int, currency: Currency) -> str:
    """Return a sum as a number, "-150.00" for less than nothing."""
    sign = "-" if minor < 0 else ""
    return sign + Amount(abs(minor), currency).decimal


def export_rows(
    rows: Iterable[tuple[Entry, Purchase]], zone: tzinfo, vat_code: int | None
) -> Iterator[Mapping[str, str]]:
    """Yield a line for every payment and refund, under COLUMNS; no cell is ever a formula.

    `vat_code` is the one of receipts, None where none are made.
    """
    for entry, purchase in rows:
        if entry.kind not in _MONEY:
            continue
        amount, is_payment = entry.amount.decimal, entry.kind is EntryKind.PAYMENT
        promise = purchase.order.promise
        in_roubles = entry.amount.currency is Currency.RUB
        values = {
            "date": f"{in_zone(entry.at, zone):%Y-%m-%d %H:%M:%S}",
            "kind": entry.kind.value,
            "order": entry.purchase_id,
            "till": entry.gateway.value,
            "plan": promise.plan,
            "title": promise.titled("ru"),
            "paid": amount if is_payment else "",
            "returned": "" if is_payment else amount,
            "currency": entry.amount.currency.value,
            "vat_code": str(vat_code) if vat_code is not None and in_roubles else "",
            "till_id": entry.outside_id,
            "test": "test" if entry.is_test else "",
        }
        yield {name: escape_formula(cell) for name, cell in values.items()}
