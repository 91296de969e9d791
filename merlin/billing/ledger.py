"""Ledger: every payment, grant, refund and revocation, one row each; rows are only added.

Every grant points to one payment, every refund and every revocation to one grant. Amounts are
whole kopecks or Stars, never negative; the kind says which way the money went. No row names a
person: the purchase does, until they leave.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from merlin.billing.amount import Amount
from merlin.billing.purchase import Purchase, Till

# The reason of a grant that grants nothing: its payment came when the use of the code was taken.
CODE_TAKEN = "code-taken"


class EntryKind(StrEnum):
    """What a row of the ledger says; the values are what is stored."""

    PAYMENT = "payment"
    GRANT = "grant"
    REFUND = "refund"
    REVOCATION = "revocation"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. `refers` is the row that it rests on, None for a payment.

    `outside_id` is the till's own id of a payment or refund. `by` says what made it: "billing",
    "cli", "user"; who that was, and why, stands in the `refund`. `reason` is the till's own word,
    in a grant CODE_TAKEN or "".
    """

    entry_id: int
    kind: EntryKind
    purchase_id: str
    till: Till
    amount: Amount
    at: datetime
    refers: int | None = None
    outside_id: str = ""
    by: str = ""
    reason: str = ""
    is_test: bool = False

    @property
    def is_empty(self) -> bool:
        """Return whether it is a grant that grants nothing, because its money goes back."""
        return self.kind is EntryKind.GRANT and self.reason == CODE_TAKEN


@dataclass(frozen=True, slots=True)
class Paid:
    """What the till says of one payment that was made."""

    outside_id: str
    amount: Amount
    at: datetime


@dataclass(frozen=True, slots=True)
class Returned:
    """What the till says of money that went back."""

    outside_id: str
    payment_id: str
    amount: Amount
    at: datetime
    by: str = ""
    reason: str = ""


class Ledger(Protocol):
    """Where the rows are kept; each method is a transaction, or a part of one that runs."""

    def paid(self, purchase_id: str, paid: Paid) -> Entry | None:
        """Store a payment, its grant, and what it grants; return the grant.

        None for a payment that is stored already: then nothing changes. A grant that `is_empty`
        grants nothing. Raises NotFound for an unknown purchase.
        """

    def returned(self, till: Till, returned: Returned) -> Entry | None:
        """Store a refund, and take back what was granted as far as no money is left for it.

        None for a refund that is stored already. Raises NotFound for an unknown payment, Refused
        for more than was paid.
        """

    def entries(self, purchase_id: str) -> list[Entry]:
        """Return the rows of a purchase, oldest first."""

    def between(self, since: datetime, until: datetime) -> list[tuple[Entry, Purchase]]:
        """Return the rows of a time with their purchases, oldest first."""

    def rest(self, grant_id: int) -> Amount:
        """Return what of a grant's money has not gone back. Raises NotFound."""


def faults(entries: Sequence[Entry]) -> Iterator[str]:
    """Return a line for everything in a whole ledger that cannot be; none for a sound one."""
    known = {each.entry_id: each for each in entries}
    resting: dict[int, list[Entry]] = defaultdict(list)
    for each in entries:
        if each.amount.minor < 0:
            yield f"row {each.entry_id}: a negative amount"
        if each.refers is not None:
            resting[each.refers].append(each)
    for each in entries:
        yield from _rest_faults(each, known)
        if each.kind is EntryKind.PAYMENT:
            yield from _payment_faults(each, resting[each.entry_id])
        elif each.kind is EntryKind.GRANT:
            yield from _grant_faults(each, resting[each.entry_id])


_RESTS_ON = {
    EntryKind.GRANT: EntryKind.PAYMENT,
    EntryKind.REFUND: EntryKind.GRANT,
    EntryKind.REVOCATION: EntryKind.GRANT,
}


def _rest_faults(entry: Entry, known: dict[int, Entry]) -> Iterator[str]:
    wanted = _RESTS_ON.get(entry.kind)
    found = known.get(entry.refers) if entry.refers is not None else None
    if (found.kind if found else None) is not wanted:
        yield f"row {entry.entry_id}: a {entry.kind.value} that rests on no {wanted}"
    elif found is not None and found.amount.currency is not entry.amount.currency:
        yield f"row {entry.entry_id}: another currency than row {found.entry_id}"


def _payment_faults(payment: Entry, resting: Sequence[Entry]) -> Iterator[str]:
    if len(resting) != 1:
        yield f"payment {payment.entry_id}: {len(resting)} grants"
    elif resting[0].amount != payment.amount:
        yield f"payment {payment.entry_id}: granted for another amount"


def _grant_faults(grant: Entry, resting: Sequence[Entry]) -> Iterator[str]:
    back = sum(each.amount.minor for each in resting if each.kind is EntryKind.REFUND)
    revoked = sum(each.kind is EntryKind.REVOCATION for each in resting)
    if back > grant.amount.minor:
        yield f"grant {grant.entry_id}: more went back than was paid"
    if revoked != int(back == grant.amount.minor and back > 0):
        yield f"grant {grant.entry_id}: {revoked} revocations, {back} of {grant.amount.minor} back"
