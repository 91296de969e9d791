"""What YooKassa's stand-in leaves out: receipts, refunds that wait or fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from merlin.sandbox.yookassa.requests import Body, Money, PaymentRequest, RefundRequest
from merlin.sandbox.yookassa.shop import (
    CANCELED,
    PENDING,
    SUCCEEDED,
    Json,
    Payment,
    Refund,
    Shop,
)


class _Customer(Body):
    email: str = Field("", pattern=r"^$|^[^@\s]+@[^@\s]+\.[^@\s]+$")
    phone: str = Field("", pattern=r"^$|^\+?[0-9]{4,15}$")

    @model_validator(mode="after")
    def _check_contact(self) -> _Customer:
        if not self.email and not self.phone:
            raise ValueError("Customer's email or phone is missing")
        return self


class _ReceiptItem(Body):
    description: str = Field(min_length=1, max_length=128)
    quantity: Decimal = Field(gt=0, strict=False)
    amount: Money
    vat_code: int = Field(ge=1, le=12)
    payment_subject: str = ""
    payment_mode: str = ""


class Receipt(Body):
    """A receipt required by law 54-FZ."""

    customer: _Customer
    items: list[_ReceiptItem] = Field(min_length=1)
    tax_system_code: int | None = Field(None, ge=1, le=6)

    def check_sum(self, kopecks: int) -> None:
        """Raise ValueError unless the items' total equals `kopecks`."""
        if sum(item.quantity * item.amount.kopecks for item in self.items) != kopecks:
            raise ValueError("Sum of receipt's items is not equal to the amount")


class PaymentWithReceipt(PaymentRequest):
    """Body of `POST /payments` with the receipt of the sale."""

    receipt: Receipt | None = None

    @model_validator(mode="after")
    def _check_receipt(self) -> PaymentWithReceipt:
        if self.receipt is not None:
            self.receipt.check_sum(self.amount.kopecks)
        return self


class RefundWithReceipt(RefundRequest):
    """Body of `POST /refunds` with the receipt of the return."""

    receipt: Receipt | None = None

    @model_validator(mode="after")
    def _check_receipt(self) -> RefundWithReceipt:
        if self.receipt is not None:
            self.receipt.check_sum(self.amount.kopecks)
        return self


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens automatically.

    `outcome` is how a new payment ends: "" waits for the payer, else "paid", "declined" or a
    decline reason. `refund` is the same for a refund ("pending": stays open). `notifications` are
    posted at once or never. With `keeps_keys` off no Idempotence-Key is known again.
    """

    outcome: str = ""
    refund: str = SUCCEEDED
    notifications: Literal["at-once", "never"] = "at-once"
    is_test: bool = True
    keeps_keys: bool = True


@dataclass(slots=True)
class BehavingShop(Shop):
    """A shop that does what a test says; its receipts are kept in memory."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    receipts: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Post events only where the behaviour allows it."""
        Shop.__post_init__(self)
        post = self.on_change

        def post_if_allowed(event: str, subject: Json) -> None:
            if self.behaviour.notifications == "at-once":
                post(event, subject)

        self.on_change = post_if_allowed

    def answer_once(self, key: str, request: Json, act: Callable[[], Json]) -> Json:
        """Answer as YooKassa does, or as if the key had expired."""
        if not self.behaviour.keeps_keys:
            self.state.keys.pop(key, None)
        return Shop.answer_once(self, key, request, act)

    def create(self, request: PaymentRequest, pages: str) -> Payment:
        """Create a payment, and end it where the behaviour says how."""
        payment = Shop.create(self, request, pages)
        payment.is_test = self.behaviour.is_test
        if self.behaviour.outcome:
            self.choose(payment.payment_id, self.behaviour.outcome)
        return payment

    def take(self, payment: Payment) -> None:
        """Take the money, and register the receipt."""
        self._register_receipt(payment.request, payment_id=payment.payment_id)
        Shop.take(self, payment)

    def give_back(self, refund: Refund) -> None:
        """Finish a refund as the behaviour says."""
        if self.behaviour.refund != PENDING:
            self.finish_refund(refund.refund_id, self.behaviour.refund)

    def finish_refund(self, refund_id: str, outcome: str) -> Json:
        """Finish a pending refund: "succeeded" or a cancellation reason. Raises ShopError."""
        refund = self.find_refund(refund_id)
        if outcome != SUCCEEDED:
            refund.status, refund.reason = CANCELED, outcome
            return refund.as_json()  # YooKassa sends no notification of a canceled refund
        self._register_receipt(refund.request, refund_id=refund.refund_id)
        Shop.give_back(self, refund)
        return refund.as_json()

    def _register_receipt(self, request: PaymentRequest | RefundRequest, **owner: str) -> None:
        receipt = getattr(request, "receipt", None)
        if receipt is not None:
            fields = receipt.model_dump(mode="json", exclude_defaults=True)
            self.receipts.append({**fields, **owner})
