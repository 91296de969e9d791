"""Values that payment gateways share.

Contact: where a receipt goes: an e-mail address, or a telephone number as digits.

Gateway: what is asked of YooKassa, and what its answer means for a purchase, as pure functions.

Only what is read with our own credentials counts: a notification makes us look, no more. Payments
are asked for under the purchase's id, so the same question makes no second payment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from merlin.core.money import Amount

MAX_CONTACT_LENGTH = 254
# Whether there is such an address the gateway finds out; this keeps slips of the finger away.
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
_FILLING = re.compile(r"[\s().‐-―-]+")
# E.164: at most 15 digits with the country's.
_PHONE = re.compile(r"\+?([1-9][0-9]{9,14})")
_RUSSIAN = 11


def contact_of(text: str) -> str:
    """Return an address as it was written, or a number's digits ("79161234567"); "" for neither.

    A Russian number may begin with 8, or with nothing before its ten digits.
    """
    plain = text.strip()
    if len(plain) > MAX_CONTACT_LENGTH:
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


class Gateway(StrEnum):
    """Who takes the money; the values are what is stored."""

    STARS = "stars"
    YOOKASSA = "yookassa"


class Status(StrEnum):
    """YooKassa's words for a payment; UNKNOWN: a new one of theirs."""

    PENDING = "pending"
    HELD = "waiting_for_capture"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> Status:  # noqa: ARG003 - the enum's hook
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """A payment to ask for, under the purchase's id.

    `title` and `description` say what is bought, in the payer's language. `contact` is where a
    receipt goes. `return_url` is where the payer comes back to, "" where nobody pays by hand;
    `method_id` is a saved method that pays without them, `saves_method` asks to save what they pay
    with.
    """

    purchase_id: str
    user_id: int
    amount: Amount
    title: str
    description: str = ""
    contact: str = ""
    return_url: str = ""
    saves_method: bool = False
    method_id: str = ""


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Money to send back, under the refund's id; `title` and `contact` are for its receipt."""

    refund_id: str
    payment_id: str
    user_id: int
    amount: Amount
    reason: str = ""
    title: str = ""
    contact: str = ""


@dataclass(frozen=True, slots=True)
class GatewayPayment:
    """A payment as its gateway tells it, read with our own credentials.

    `purchase_id` and `user_id` are what we put into it. `reason` is the word for why it was
    canceled. `method_id` is a saved method, `method_title` what its owner calls it. `paid_until` is
    when the gateway itself takes the next payment of a subscription, None for none.
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
    paid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class GatewayRefund:
    """A refund as its gateway tells it; `purchase_id` and `user_id` "" where it does not say.

    `is_done` None: it is still under way; False: refused for good, `reason` says why.
    """

    outside_id: str
    payment_id: str
    amount: Amount
    is_done: bool | None
    at: datetime
    reason: str = ""
    purchase_id: str = ""
    user_id: str = ""


class PaymentGateway(Protocol):
    """Who takes money and sends it back.

    Every call raises PaymentError, GatewayUnavailable or PaymentUnknown within 10 seconds. Nothing
    is asked twice by itself: who asks again does so under the same key.
    """

    @property
    def name(self) -> Gateway:
        """Return which one this is."""

    async def create(self, request: PaymentRequest) -> GatewayPayment:
        """Ask for a payment under the purchase's id."""

    async def refund(self, request: RefundRequest) -> GatewayRefund:
        """Send money back under a key of ours."""

    async def refunds(self, payment_id: str) -> Sequence[GatewayRefund]:
        """Read the refunds of a payment that the gateway does not tell of by itself."""

    async def end_subscription(self, user_id: int, payment_id: str) -> None:
        """Take nothing more for a subscription that the gateway renews by itself."""
