"""Reconcile: what the till says of its payments against the ledger; nothing is changed.

What is in one and not in the other, another sum, another sum gone back: each is a line for an
admin to look into, and so is a fault in the ledger itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from merlin.billing.amount import Amount
from merlin.billing.ledger import Entry, EntryKind
from merlin.billing.till import Seen, Status


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


def compare(entries: Sequence[Entry], seen: Iterable[Seen]) -> list[Found]:
    """Return the differences between a ledger's rows and a till's payments.

    `entries` are whole purchases: those of the time, and those that the till names. A payment
    that nobody made is no difference.
    """
    theirs = {each.outside_id: each for each in seen}
    ours = {each.outside_id: each for each in entries if each.kind is EntryKind.PAYMENT}
    back = _back(entries)
    found = [*_of_theirs(theirs, ours, back)]
    for outside_id, payment in ours.items():
        if outside_id not in theirs:
            what = Difference.NOT_THERE
            found.append(Found(what, outside_id, payment.purchase_id, payment.amount, None))
    return found


def missing(entries: Iterable[Entry], seen: Iterable[Seen]) -> list[str]:
    """Return the payments of a ledger that a till's list does not have, to be read one by one."""
    known = {each.outside_id for each in seen}
    paid = [each.outside_id for each in entries if each.kind is EntryKind.PAYMENT]
    return [each for each in paid if each not in known]


def _of_theirs(
    theirs: Mapping[str, Seen], ours: Mapping[str, Entry], back: Mapping[int, int]
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
    payments = {each.entry_id: each.refers for each in entries if each.kind is EntryKind.GRANT}
    back: dict[int, int] = {}
    for each in entries:
        if each.kind is EntryKind.REFUND and each.refers is not None:
            payment = payments.get(each.refers)
            if payment is not None:
                back[payment] = back.get(payment, 0) + each.amount.minor
    return back
