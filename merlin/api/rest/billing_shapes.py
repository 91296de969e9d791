"""What the open API tells of orders, payments, refunds, renewals and promo codes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TypeVar

from pydantic import Field

from merlin.api.schema import Shape
from merlin.app.settlement import reason_key
from merlin.billing.ledger import Entry
from merlin.billing.plan import Format
from merlin.billing.purchases import Purchase, PurchaseState
from merlin.billing.refunds import RefundState
from merlin.billing.subscriptions import RenewalState
from merlin.core.i18n import text
from merlin.core.money import Amount
from merlin.providers.payments import Gateway

BOUGHT = "the promise of the order, in the caller's language; as it was when it was ordered"


class OrderShown(Shape):
    """One order."""

    id: str = Field(validation_alias="purchase_id")
    state: PurchaseState
    till: Gateway = Field(validation_alias="gateway")
    plan: str
    title: str = Field(description=BOUGHT)
    days: int | None = Field(description="for how long it is bought; null: a pack without an end")
    pack: dict[Format, int] = Field(description="questions that come on top; none: it is a plan")
    amount: Amount
    promo: str = Field(description='the code that made it cheaper, "" for none')
    keeps_method: bool = Field(description="the plan is renewed by what this order is paid with")
    is_renewal: bool = Field(description="made to renew a plan")
    is_test: bool
    pay_url: str = Field(description='where it is paid, "" where that is not known or not wanted')
    reason: str = Field(description='why it was canceled, in words; "" where it was not')
    created_at: datetime
    expires_at: datetime


class RefundShown(Shape):
    """Money that goes back."""

    id: str = Field(validation_alias="refund_id")
    state: RefundState
    amount: Amount
    reason: str
    by: str
    at: datetime
    outside_id: str
    trouble: str = Field(description="the till's word for why it refused")


class PaymentShown(OrderShown):
    """One order as admins see it."""

    user_id: int = Field(description="0: they have deleted everything")
    outside_id: str = Field(description='the till\'s own id of the payment, "" for none')
    till_reason: str = Field(
        description='the till\'s own word for why it was canceled, "" for none'
    )


class PaymentDetails(PaymentShown):
    """One order with all that became of it."""

    entries: list[Entry]
    refunds: list[RefundShown]


class RenewalShown(Shape):
    """A plan that is paid again when it ends."""

    id: int = Field(validation_alias="renewal_id")
    plan: str
    title: str
    till: Gateway = Field(validation_alias="gateway")
    state: RenewalState
    method: str = Field(
        validation_alias="method_title",
        description='what it is paid with, as its owner knows it; "" unknown',
    )
    consented_at: datetime
    next_at: datetime = Field(description="when the plan ends, or is paid again")


S = TypeVar("S", bound=OrderShown)


def order_shown(shape: type[S], purchase: Purchase, language: str, **more: object) -> S:
    """Return an order in a shape for its owner or for admins, with `more` of its fields."""
    order, promise = purchase.order, purchase.order.promise
    is_canceled = purchase.state is PurchaseState.CANCELED
    told = {
        **asdict(promise),
        **asdict(order),
        **asdict(purchase),
        "title": promise.titled(language),
        "is_renewal": order.renewal_id is not None,
        "pay_url": purchase.pay_url if purchase.state is PurchaseState.PENDING else "",
        "reason": text(language, reason_key(purchase.reason)) if is_canceled else "",
        "till_reason": purchase.reason,
    }
    return shape.of({**told, **more}, language)
