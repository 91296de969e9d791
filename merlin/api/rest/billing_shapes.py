"""What the open API tells of orders, payments, refunds, renewals and promo codes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from merlin.api.schema import Shape
from merlin.app.orders import OrderDetails
from merlin.billing.ledger import Entry, EntryKind
from merlin.billing.payments import reason_key
from merlin.billing.plan import Format
from merlin.billing.promo_codes import Listed
from merlin.billing.purchases import Purchase, PurchaseState
from merlin.billing.refunds import Refund, RefundState
from merlin.billing.subscriptions import Renewal, RenewalState
from merlin.core.i18n import text
from merlin.core.money import Amount, Currency
from merlin.providers.payments import Gateway

BOUGHT = "the promise of the order, in the caller's language; as it was when it was ordered"


class AmountShown(Shape):
    """A sum: whole kopecks or whole Stars, and the same as it is written."""

    minor: int = Field(description="kopecks, or Stars")
    value: str = Field(description='"299.00"; Stars have no fraction')
    currency: Currency


class OrderShown(Shape):
    """One order."""

    id: str
    state: PurchaseState
    till: Gateway
    plan: str
    title: str = Field(description=BOUGHT)
    days: int | None = Field(description="for how long it is bought; null: a pack without an end")
    pack: dict[Format, int] = Field(description="questions that come on top; none: it is a plan")
    amount: AmountShown
    promo: str = Field(description='the code that made it cheaper, "" for none')
    keeps_method: bool = Field(description="the plan is renewed by what this order is paid with")
    is_renewal: bool = Field(description="made to renew a plan")
    is_test: bool
    pay_url: str = Field(description='where it is paid, "" where that is not known or not wanted')
    reason: str = Field(description='why it was canceled, in words; "" where it was not')
    created_at: datetime
    expires_at: datetime


class EntryShown(Shape):
    """A row of the ledger; rows are only added."""

    id: int
    kind: EntryKind
    order: str
    till: Gateway
    amount: AmountShown
    at: datetime
    refers: int | None = Field(description="the row that this one rests on")
    outside_id: str = Field(description='the till\'s own id, "" where there is none')
    by: str
    reason: str
    is_test: bool


class RefundShown(Shape):
    """Money that goes back."""

    id: str
    state: RefundState
    amount: AmountShown
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

    entries: list[EntryShown]
    refunds: list[RefundShown]


class RenewalShown(Shape):
    """A plan that is paid again when it ends."""

    id: int
    plan: str
    title: str
    till: Gateway
    state: RenewalState
    method: str = Field(description='what it is paid with, as its owner knows it; "" unknown')
    consented_at: datetime
    next_at: datetime = Field(description="when the plan ends, or is paid again")


class PromoShown(Shape):
    """One code."""

    code: str
    plan: str
    days: int = Field(description="0: it makes the plan cheaper")
    percent: int = Field(description="0: it gives days")
    most_uses: int | None = Field(description="null: any number of people, each once")
    uses: int
    ends_at: datetime | None
    stopped: bool
    by: str
    at: datetime


def amount_shown(amount: Amount) -> AmountShown:
    """Return a sum as it is told."""
    return AmountShown(minor=amount.minor, value=amount.decimal, currency=amount.currency)


def order_shown(purchase: Purchase, language: str) -> OrderShown:
    """Return an order as its owner sees it."""
    return OrderShown(**_order(purchase, language))


def payment_shown(purchase: Purchase, language: str) -> PaymentShown:
    """Return an order as admins see it."""
    return PaymentShown(**_order(purchase, language), **_inside(purchase))


def payment_details(details: OrderDetails, language: str) -> PaymentDetails:
    """Return an order with the rows that rest on it."""
    return PaymentDetails(
        **_order(details.purchase, language),
        **_inside(details.purchase),
        entries=[entry_shown(each) for each in details.entries],
        refunds=[refund_shown(each) for each in details.refunds],
    )


def _order(purchase: Purchase, language: str) -> dict[str, Any]:
    order, promise = purchase.order, purchase.order.promise
    is_canceled = purchase.state is PurchaseState.CANCELED
    return {
        "id": purchase.purchase_id,
        "state": purchase.state,
        "till": order.gateway,
        "plan": promise.plan,
        "title": promise.titled(language),
        "days": promise.days,
        "pack": dict(promise.pack),
        "amount": amount_shown(order.amount),
        "promo": order.promo,
        "keeps_method": order.keeps_method,
        "is_renewal": order.renewal_id is not None,
        "is_test": order.is_test,
        "pay_url": purchase.pay_url if purchase.state is PurchaseState.PENDING else "",
        "reason": text(language, reason_key(purchase.reason)) if is_canceled else "",
        "created_at": purchase.created_at,
        "expires_at": purchase.expires_at,
    }


def _inside(purchase: Purchase) -> dict[str, Any]:
    return {
        "user_id": purchase.user_id,
        "outside_id": purchase.outside_id,
        "till_reason": purchase.reason,
    }


def entry_shown(entry: Entry) -> EntryShown:
    """Return a row of the ledger as it is told."""
    return EntryShown(
        id=entry.entry_id,
        kind=entry.kind,
        order=entry.purchase_id,
        till=entry.gateway,
        amount=amount_shown(entry.amount),
        at=entry.at,
        refers=entry.refers,
        outside_id=entry.outside_id,
        by=entry.by,
        reason=entry.reason,
        is_test=entry.is_test,
    )


def refund_shown(refund: Refund) -> RefundShown:
    """Return a refund as it is told."""
    return RefundShown(
        id=refund.refund_id,
        state=refund.state,
        amount=amount_shown(refund.amount),
        reason=refund.reason,
        by=refund.by,
        at=refund.at,
        outside_id=refund.outside_id,
        trouble=refund.trouble,
    )


def renewal_shown(renewal: Renewal, title: str) -> RenewalShown:
    """Return a renewal as its owner sees it."""
    return RenewalShown(
        id=renewal.renewal_id,
        plan=renewal.plan,
        title=title,
        till=renewal.gateway,
        state=renewal.state,
        method=renewal.method_title,
        consented_at=renewal.consented_at,
        next_at=renewal.next_at,
    )


def promo_shown(listed: Listed) -> PromoShown:
    """Return a code as admins see it."""
    promo = listed.promo
    return PromoShown(
        code=promo.code,
        plan=promo.plan,
        days=promo.days,
        percent=promo.percent,
        most_uses=promo.most_uses,
        uses=listed.uses,
        ends_at=promo.ends_at,
        stopped=listed.is_stopped,
        by=promo.by,
        at=listed.at,
    )
