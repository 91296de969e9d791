"""The shop: what is sold at which price, and new orders.

An order is the first step of a purchase at every gateway. All functions are called within the
store.
"""

from datetime import timedelta

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.subscriptions import find_running
from merlin.billing.purchases import Order, Purchase, Purchases, promise_of
from merlin.billing.quota import Plan, plan_named, plan_title
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import LANGUAGES
from merlin.core.money import Amount
from merlin.providers.payments import Gateway

# Until an unpaid order expires: less than the 24 h for which YooKassa knows an idempotency key.
ORDER_LIFETIME = timedelta(hours=22)


def plan_titles(ctx: Context, name: str) -> dict[str, object]:
    """Return a plan's title in each language, as arguments of a text."""
    return {language: plan_title(ctx.plans, name, language) for language in LANGUAGES}


def sold_plan(ctx: Context, name: str) -> Plan:
    """Return the plan or pack sold under this name. Raises NotFound."""
    plan = plan_named(ctx.plans, name)
    if plan is None or not plan.is_sold:
        raise NotFound(
            f"{name} is not sold", "billing-not-sold", **plan_titles(ctx, name)
        )
    return plan


def gives_something(ctx: Context, order: Order) -> bool:
    """Return whether a payment of an order gives something: a plan may exist no more."""
    return (
        bool(order.promise.pack)
        or plan_named(ctx.plans, order.promise.plan) is not None
    )


def price_of(ctx: Context, plan: Plan, gateway: Gateway) -> Amount:
    """Return the price of a plan at a gateway. Raises Refused if the gateway does not sell it."""
    is_open = gateway is Gateway.STARS or ctx.config.payments.yookassa is not None
    price = plan.xtr if gateway is Gateway.STARS else plan.rub
    if price is None or not is_open:
        raise Refused(
            f"{plan.name} is not sold by {gateway.value}", "billing-not-sold-this-way"
        )
    return price


def place_order(
    ctx: Context, actor: Actor, name: str, gateway: Gateway, contact: str = ""
) -> Purchase:
    """Store an order; an equal open order is returned instead.

    Raises NotFound for an unknown plan or no user; Refused for a gateway that does not sell the
    plan, a receipt without an address, and a plan that renews already.
    """
    if not actor.user_id:
        raise NotFound("no user to order for", "billing-no-purchase")
    plan = sold_plan(ctx, name)
    price = price_of(ctx, plan, gateway)
    yookassa = ctx.config.payments.yookassa if gateway is Gateway.YOOKASSA else None
    if yookassa is not None and yookassa.receipt is not None and not contact:
        raise Refused("a receipt goes nowhere", "billing-no-contact")
    renews = plan.renews is not None and gateway is Gateway.STARS
    if renews and find_running(ctx, actor.user_id, name):
        raise Refused(f"{name} renews already", "billing-renews-already")
    order = Order(
        user_id=actor.user_id,
        gateway=gateway,
        promise=promise_of(plan, renews=renews),
        amount=price,
        is_test=yookassa is not None and yookassa.test,
        contact=contact,
    )
    return Purchases(ctx.db, ctx.clock).order(order, ORDER_LIFETIME)
