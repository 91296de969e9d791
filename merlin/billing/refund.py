"""Refund: money that is to go back, written down before anybody is asked to send it.

    wanted -> sending -> done | refused

The row's id is the key that the till is asked under, so asking again sends nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from merlin.billing.amount import Amount
from merlin.billing.ledger import Entry, Returned
from merlin.billing.purchase import Till

MOST_REASON = 250


class RefundState(StrEnum):
    """Where a refund stands; the values are what is stored."""

    WANTED = "wanted"
    SENDING = "sending"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund of one grant. `payment_id` is the till's own id of the payment.

    `by` as in `account.audit`; `trouble` is what the till said when it refused.
    """

    refund_id: str
    purchase_id: str
    grant_id: int
    till: Till
    payment_id: str
    user_id: int
    amount: Amount
    reason: str
    by: str
    state: RefundState
    at: datetime
    outside_id: str = ""
    trouble: str = ""


class Refunds(Protocol):
    """Where refunds are kept; each method is a transaction, or a part of one that runs."""

    def want(
        self, grant_id: int, amount: Amount | None, reason: str, by: str, key: str = ""
    ) -> Refund:
        """Store the wish for a refund, None: of all that is left; note it in the audit.

        The one of the same `key` stays. Raises NotFound for an unknown grant, Refused for nothing,
        for more than is left, for a part of a payment in Stars, for Stars of somebody who left,
        and where one is under way.
        """

    def is_due(self, till: Till, now: datetime) -> bool:
        """Return whether `due` would find any; reads alone, so it holds up no writer."""

    def due(self, till: Till, now: datetime, limit: int = 20) -> list[Refund]:
        """Return the refunds to send or to ask about, as sending; nobody else gets them now."""

    def look_at_all(self, till: Till, at: datetime) -> None:
        """Let every refund of a till that waits be due at `at` where it would be later."""

    def done(self, refund_id: str, returned: Returned) -> Entry | None:
        """Note that the money went back, with the ledger's rows; None where that is known."""

    def refused(self, refund_id: str, trouble: str) -> bool:
        """Note that the till refused for good."""

    def of(self, purchase_id: str) -> list[Refund]:
        """Return the refunds of a purchase, oldest first."""
