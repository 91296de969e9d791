"""The shop: what is on sale and for how much, and orders that are placed.

What somebody wants becomes a purchase: the first step at every gateway. Everything here is called
within the store's work.
"""

from __future__ import annotations

from datetime import timedelta

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.billing.promo_codes import Promo, Promos, prices
from merlin.billing.purchases import Order, Purchase, Purchases, PurchaseState, promise_of
from merlin.billing.quota import Plan, plan_named
from merlin.billing.subscriptions import Renewal, Renewals
from merlin.core.clock import iso
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Amount
from merlin.providers.payments import Gateway


def sold_plan(ctx: Context, name: str) -> Plan:
    """Return what is sold under this name. Raises NotFound."""
    found = plan_named(ctx.plans, name)
    if found is None or not found.is_sold:
        raise NotFound(f"{name} is not sold", "billing-not-sold", plan=name)
    return found


def price_of(ctx: Context, plan: Plan, gateway: Gateway, promo: Promo | None = None) -> Amount:
    """Return what a gateway takes for a plan. Raises Refused where it takes nothing."""
    rub, xtr = prices(plan, promo)
    is_open = gateway is Gateway.STARS or ctx.config.payments.yookassa is not None
    price = xtr if gateway is Gateway.STARS else rub
    if price is None or not is_open:
        raise Refused(f"{plan.name} is not sold by {gateway.value}", "billing-not-sold-so")
    return price


def place_order(
    ctx: Context,
    actor: Actor,
    name: str,
    gateway: Gateway,
    promo: str = "",
    contact: str = "",
    *,
    keeps_method: bool = False,
) -> Purchase:
    """Store what the actor wants to buy; the same wanted again is the same purchase.

    An open order that holds the same code and is another (another gateway, another address for the
    receipt) is given up for it. Raises NotFound for what is not sold and for nobody, Refused for a
    gateway that does not take it, a code that is no good, and a receipt without an address.
    """
    if not actor.user_id:
        raise NotFound("ordered by nobody", "billing-no-purchase")
    purchases, promos = Purchases(ctx.db, ctx.clock), Promos(ctx.db, ctx.clock)
    plan = sold_plan(ctx, name)
    code = promos.find(actor.user_id, promo, plan.name) if promo else None
    if code is not None and not code.percent:
        raise Refused("a code that gives days", "promo-is-days", code=code.code)
    price = price_of(ctx, plan, gateway, code)
    yookassa = ctx.config.payments.yookassa if gateway is Gateway.YOOKASSA else None
    if yookassa is not None and yookassa.receipt is not None and not contact:
        raise Refused("a receipt goes nowhere", "billing-no-contact")
    may_keep = yookassa is not None and yookassa.save_methods and plan.renewed
    order = Order(
        user_id=actor.user_id,
        gateway=gateway,
        promise=promise_of(plan),
        amount=price,
        is_test=yookassa is not None and yookassa.test,
        contact=contact,
        promo=promo.strip().upper(),
        keeps_method=keeps_method and may_keep,
    )
    if code is None:
        return purchases.order(order, _lasts(ctx))
    for each in purchases.with_code(actor.user_id, code.code):
        if each.order == order and each.may_be_paid(ctx.clock()):
            return each
        is_old = ctx.clock() >= each.expires_at
        state = PurchaseState.EXPIRED if is_old else PurchaseState.CANCELED
        purchases.give_up(each.purchase_id, state)
    purchase = purchases.order(order, _lasts(ctx))
    promos.hold(actor.user_id, code.code, purchase.purchase_id)
    return purchase


def _lasts(ctx: Context) -> timedelta:
    return timedelta(hours=ctx.config.payments.order_hours)


def place_renewal_order(ctx: Context, renewal: Renewal, attempt: int) -> Purchase:
    """Store the order by which a plan is paid again by its saved method.

    The same attempt is the same purchase, and while one is open there is no other. Raises Refused
    where the plan is not sold so any more, NotFound where it or the renewal is not there.
    """
    plan, purchases = sold_plan(ctx, renewal.plan), Purchases(ctx.db, ctx.clock)
    for each in purchases.of(renewal.user_id):
        if each.order.renewal_id == renewal.renewal_id and each.state.is_open:
            return each
    due = Renewals(ctx.db).find(renewal.user_id, renewal.renewal_id)
    if due is None:
        raise NotFound(f"no renewal {renewal.renewal_id}", "billing-no-purchase")
    yookassa = ctx.config.payments.yookassa
    order = Order(
        user_id=renewal.user_id,
        gateway=Gateway.YOOKASSA,
        promise=promise_of(plan),
        amount=price_of(ctx, plan, Gateway.YOOKASSA),
        is_test=yookassa is not None and yookassa.test,
        contact=renewal.contact,
        renewal_id=renewal.renewal_id,
    )
    # The number begins anew with each payment; the day does not.
    key = f"renewal:{renewal.renewal_id}:{attempt}:{iso(due.next_at)}"
    return purchases.order(order, _lasts(ctx), key)
