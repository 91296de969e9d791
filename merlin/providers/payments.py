"""The interface of payment gateways and its value types.

Only data read with our own credentials is trusted: a notification only triggers a read. A payment
is created with the purchase's id as the idempotency key, so a repeated call creates no second one.
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
# Only catches typing errors; whether the address exists is not checked.
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
# With the direction marks around numbers that are copied from an address book.
_SEPARATORS = re.compile(r"[\s().\u200b-\u2015\u202a-\u202e\u2060-\u2069-]+")
# E.164: at most 15 digits with the country code.
_PHONE = re.compile(r"\+?([1-9][0-9]{9,14})")
_RUSSIAN_DIGITS = 11


def normalise_contact(text: str) -> str:
    """Return an e-mail address, or a phone number's digits ("79161234567"); "" if neither.

    A Russian number may begin with 8, or omit the country code.
    """
    contact = text.strip()
    if len(contact) > MAX_CONTACT_LENGTH:
        return ""
    if "@" in contact:
        return contact if _EMAIL.fullmatch(contact) and ".." not in contact else ""
    number = _SEPARATORS.sub("", contact)
    if len(number) == _RUSSIAN_DIGITS and number.startswith("8"):
        number = f"7{number[1:]}"
    if len(number) == _RUSSIAN_DIGITS - 1 and number.startswith("9"):
        number = f"7{number}"
    match = _PHONE.fullmatch(number)
    return match[1] if match else ""


def format_contact(contact: str) -> str:
    """Return a result of `normalise_contact` for people: a phone number as "+7 916 123-45-67"."""
    grouped = re.sub(r"^7(...)(...)(..)(..)$", r"7 \1 \2-\3-\4", contact)
    return f"+{grouped}" if contact.isdigit() else contact


class Gateway(StrEnum):
    """The payment gateways."""

    # The values are stored in the database.
    STARS = "stars"
    YOOKASSA = "yookassa"


class PaymentStatus(StrEnum):
    """YooKassa's payment statuses; UNKNOWN is any other value."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> PaymentStatus:  # noqa: ARG003 - the enum's hook
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """A payment to create, with the purchase's id as its key.

    `title` and `description` are in the payer's language. `contact` receives the receipt.
    `return_url` is where the payer returns to.
    """

    purchase_id: str
    user_id: int
    amount: Amount
    title: str
    description: str = ""
    contact: str = ""
    return_url: str = ""


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A refund to create, with the refund's id as its key; `title` and `contact`: its receipt.

    `is_part`: the payment was larger.
    """

    refund_id: str
    payment_id: str
    user_id: int
    amount: Amount
    reason: str = ""
    title: str = ""
    contact: str = ""
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class GatewayPayment:
    """A payment as read from its gateway.

    `purchase_id` and `user_id` are the metadata that we sent. `reason` is the gateway's code for a
    cancellation. `foreign` is an amount in a currency that no order has ("3.50 USD"), "" for none.
    `until` is up to when a subscription is paid, None for a single payment; `is_renewal`: it is not
    the first payment of one.
    """

    outside_id: str
    status: PaymentStatus
    is_paid: bool
    amount: Amount
    is_test: bool
    purchase_id: str = ""
    user_id: str = ""
    pay_url: str = ""
    reason: str = ""
    refunded: int = 0
    at: datetime | None = None
    foreign: str = ""
    until: datetime | None = None
    is_renewal: bool = False

    @property
    def paid(self) -> str:
        """Return what was paid as the gateway writes it: "299.00", "3.50 USD"."""
        return self.foreign or self.amount.decimal


@dataclass(frozen=True, slots=True)
class GatewayRefund:
    """A refund as read from its gateway; `purchase_id` and `user_id` are "" if not given.

    `is_done` is None while it is pending, False if it was refused, with `reason`.
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
    """A payment gateway.

    Every call raises PaymentError, GatewayUnavailable or PaymentUnknown within 10 seconds. Nothing
    is retried here: callers retry with the same key.
    """

    @property
    def name(self) -> Gateway:
        """Return the gateway's name."""

    async def refund(self, request: RefundRequest) -> GatewayRefund:
        """Create a refund."""

    async def refunds(self, payment_id: str) -> Sequence[GatewayRefund]:
        """Return the refunds of a payment, also those made outside of Merlin."""
