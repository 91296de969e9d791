"""Values that payment gateways share.

Contact: where a receipt goes: an e-mail address, or a telephone number as digits.

Till: what is asked of YooKassa, and what its answer means for a purchase, as pure functions.

Only what is read with our own credentials counts: a notification makes us look, no more. Payments
are asked for under the purchase's id, so the same question makes no second payment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from merlin.billing.purchases import Purchase
from merlin.core.money import Amount

MOST_CONTACT = 254
# Whether there is such an address the till finds out; this keeps slips of the finger away.
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
_FILLING = re.compile(r"[\s().‐-―-]+")
# E.164: at most 15 digits with the country's.
_PHONE = re.compile(r"\+?([1-9][0-9]{9,14})")
_RUSSIAN = 11


def contact_of(said: str) -> str:
    """Return an address as it was written, or a number's digits ("79161234567"); "" for neither.

    A Russian number may begin with 8, or with nothing before its ten digits.
    """
    plain = said.strip()
    if len(plain) > MOST_CONTACT:
        return ""
    if "@" in plain:
        return plain if _EMAIL.fullmatch(plain) and ".." not in plain else ""
    number = _FILLING.sub("", plain)
    if len(number) == _RUSSIAN and number.startswith("8"):
        number = f"7{number[1:]}"
    if len(number) == _RUSSIAN - 1 and number.startswith("9"):
        number = f"7{number}"
    found = _PHONE.fullmatch(number)
    return found[1] if found else ""


class Status(StrEnum):
    """YooKassa's words for a payment; UNKNOWN: a new one of theirs."""

    PENDING = "pending"
    HELD = "waiting_for_capture"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Wish:
    """A payment to ask for.

    `return_url` is where the payer comes back to, "" where nobody pays by hand; `method_id` is a
    saved method that pays without them, `saves_method` asks to save what they pay with.
    """

    purchase: Purchase
    return_url: str
    words: str
    saves_method: bool = False
    method_id: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A payment as the till tells it, read with our own credentials.

    `purchase_id` and `user_id` are what we put into it. `reason` is the word for why it was
    canceled. `method_id` is a saved method, `method_title` what its owner calls it.
    """

    outside_id: str
    status: Status
    is_paid: bool
    amount: Amount
    is_test: bool
    purchase_id: str = ""
    user_id: str = ""
    pay_url: str = ""
    reason: str = ""
    refunded: int = 0
    at: datetime | None = None
    method_id: str = ""
    method_title: str = ""


@dataclass(frozen=True, slots=True)
class SeenRefund:
    """A refund as the till tells it. `is_done` None: it is still under way."""

    outside_id: str
    payment_id: str
    amount: Amount
    is_done: bool | None
    at: datetime
    reason: str = ""


class Payments(Protocol):
    """The till's payments. Every call raises TillError, TillAway or TillDoubt within 10 seconds."""

    async def create(self, wish: Wish) -> Seen:
        """Ask for a payment under the purchase's id."""

    async def find(self, outside_id: str) -> Seen:
        """Read one payment."""

    async def capture(self, purchase: Purchase) -> Seen:
        """Take money that is held."""

    async def cancel(self, purchase: Purchase) -> Seen:
        """Let money go that is held."""

    async def between(self, since: datetime, until: datetime) -> Iterable[Seen]:
        """Read every payment that was made in a time."""


class Returns(Protocol):
    """The till's refunds; errors as in `Payments`."""

    async def refund(
        self,
        key: str,
        payment_id: str,
        amount: Amount,
        words: str,
        bought: Purchase | None = None,
    ) -> SeenRefund:
        """Ask for a refund under a key of ours; `bought` is what its receipt names."""

    async def find_refund(self, outside_id: str) -> SeenRefund:
        """Read one refund."""

    async def refunds(self, payment_id: str) -> Iterable[SeenRefund]:
        """Read every refund of a payment."""


class Mismatch(StrEnum):
    """In what a payment is not the purchase's; the values are words for logs and admins."""

    ID = "id"
    AMOUNT = "amount"
    CURRENCY = "currency"
    ORDER = "order"
    USER = "user"
    TEST = "test"


def mismatch(purchase: Purchase, seen: Seen) -> Mismatch | None:
    """Return in what the payment is not this purchase's, None where all agrees."""
    order = purchase.order
    agreements = {
        Mismatch.ID: purchase.outside_id in {"", seen.outside_id},
        Mismatch.CURRENCY: seen.amount.currency is order.amount.currency,
        Mismatch.AMOUNT: seen.amount.minor == order.amount.minor,
        Mismatch.ORDER: seen.purchase_id == purchase.purchase_id,
        # Somebody who left paid all the same; nobody else can have.
        Mismatch.USER: seen.user_id == str(order.user_id) or order.user_id == 0,
        Mismatch.TEST: seen.is_test == order.is_test,
    }
    return next((what for what, agrees in agreements.items() if not agrees), None)
