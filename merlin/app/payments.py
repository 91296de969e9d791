"""Payments as admins see them: list and show orders, request refunds.

Without the permission every function raises NotFound, as for something missing.
"""

from collections.abc import Sequence

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.orders import OrderDetails, details_of
from merlin.billing.purchases import Order, Purchase, Purchases
from merlin.billing.refunds import Refund, Refunds, check_reason
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Amount
from merlin.core.permissions import Permission
from merlin.providers.payments import Gateway


def list_payments(
    ctx: Context,
    actor: Actor,
    limit: int,
    before: str = "",
    states: Sequence[str] = (),
    whose: str = "",
) -> list[Purchase]:
    """Return orders, newest first: those after `before`, in states, of a user or order number.

    Raises NotFound for an unknown `before`.
    """
    _require_permission(actor)
    return Purchases(ctx.db, ctx.clock).list_newest(limit, before, states, whose)


def show_payment(ctx: Context, actor: Actor, number: str) -> OrderDetails:
    """Return an order, by its id or a unique beginning of it, with its entries and refunds.

    Raises NotFound, and Refused for the beginning of several.
    """
    _require_permission(actor)
    return details_of(ctx, Purchases(ctx.db, ctx.clock).find(number))


def request_refund(
    ctx: Context,
    actor: Actor,
    purchase_id: str,
    grant_id: int,
    amount: Amount,
    reason: str,
    once: str = "",
) -> Refund:
    """Store a refund of a grant's whole amount or of a part of it.

    The gateway sends the money, and the granted plan ends. `once` makes the call idempotent. Raises
    NotFound, and Refused as `check_reason` and `Refunds.request`, and for a part whose receipt
    would go nowhere.
    """
    check_reason(reason)
    details = show_payment(ctx, actor, purchase_id)
    if grant_id not in details.remaining_amounts:
        raise NotFound(f"no grant {grant_id}", "billing-no-payment")
    _require_receipt(ctx, details.purchase.order, amount)
    return Refunds(ctx.db, ctx.clock).request(
        grant_id, amount, reason, actor.name, once
    )


def _require_receipt(ctx: Context, order: Order, amount: Amount) -> None:
    """Raise Refused for a part whose receipt has no recipient.

    YooKassa makes the receipt of a whole refund from that of the payment, of a part it does not.
    """
    shop = ctx.config.payments.yookassa if order.gateway is Gateway.YOOKASSA else None
    has_receipts = shop is not None and shop.receipt is not None
    if has_receipts and amount != order.amount and not order.contact:
        raise Refused("a receipt goes nowhere", "billing-refund-no-contact")


def _require_permission(actor: Actor) -> None:
    if not actor.may(Permission.REFUNDS):
        raise NotFound("not for this actor", "billing-no-purchase")
