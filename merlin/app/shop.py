"""The shop: what is on sale and for how much, orders that are placed, trials.

What somebody wants becomes a purchase: the first step at every gateway. Everything here is called
within the store's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from merlin.app.context import Context
from merlin.billing.plan import Plan, Source, plan_named
from merlin.billing.promo_codes import Promo, Promos, prices
from merlin.billing.purchases import Order, Purchase, Purchases, PurchaseState, promise_of
from merlin.billing.subscriptions import Renewal, Renewals, Terms
from merlin.core.clock import iso
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Amount
from merlin.providers.payments import Gateway


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What somebody chose; fields as in `purchases.Order`."""

    user_id: int
    plan: str
    gateway: Gateway
    promo: str = ""
    contact: str = ""
    keeps_method: bool = False


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


def place_order(ctx: Context, request: OrderRequest) -> Purchase:
    """Store what somebody wants to buy; the same request again is the same purchase.

    An open order that holds the same code and is another (another gateway, another address for the
    receipt) is given up for it. Raises NotFound for what is not sold, Refused for a gateway that
    does not take it, a code that is no good, and a receipt without an address.
    """
    plan, clock = sold_plan(ctx, request.plan), ctx.clock
    if not request.promo:
        price = price_of(ctx, plan, request.gateway)
        return Purchases(ctx.db, ctx.clock).order(_order(ctx, plan, request, price), _lasts(ctx))
    promo = Promos(ctx.db, ctx.clock).find(request.user_id, request.promo, plan.name)
    if not promo.percent:
        raise Refused("a code that gives days", "promo-is-days", code=promo.code)
    new = _order(ctx, plan, request, price_of(ctx, plan, request.gateway, promo))
    for each in orders_with_code(ctx, request.user_id, promo.code):
        if each.order == new and each.may_be_paid(clock()):
            return each
        state = PurchaseState.CANCELED if clock() < each.expires_at else PurchaseState.EXPIRED
        Purchases(ctx.db, ctx.clock).give_up(each.purchase_id, state)
    purchase = Purchases(ctx.db, ctx.clock).order(new, _lasts(ctx))
    Promos(ctx.db, ctx.clock).hold(request.user_id, promo.code, purchase.purchase_id)
    return purchase


def orders_with_code(ctx: Context, user_id: int, code: str) -> list[Purchase]:
    """Return somebody's unpaid orders that hold a code."""
    mine = Purchases(ctx.db, ctx.clock).of(user_id)
    return [each for each in mine if each.order.promo == code and each.state.is_unpaid]


def _order(ctx: Context, plan: Plan, request: OrderRequest, price: Amount) -> Order:
    yookassa = ctx.config.payments.yookassa
    by_card = yookassa if request.gateway is Gateway.YOOKASSA else None
    if by_card is not None and by_card.receipt is not None and not request.contact:
        raise Refused("a receipt goes nowhere", "billing-no-contact")
    may_keep = by_card is not None and by_card.save_methods and plan.renewed
    return Order(
        user_id=request.user_id,
        gateway=request.gateway,
        promise=promise_of(plan),
        amount=price,
        is_test=by_card is not None and by_card.test,
        contact=request.contact,
        promo=request.promo.strip().upper(),
        keeps_method=request.keeps_method and may_keep,
    )


def _lasts(ctx: Context) -> timedelta:
    return timedelta(hours=ctx.config.payments.order_hours)


def place_renewal_order(ctx: Context, renewal: Renewal, attempt: int) -> Purchase:
    """Store the order by which a plan is paid again by its saved method.

    The same attempt is the same purchase, and while one is open there is no other. Raises Refused
    where the plan is not sold so any more, NotFound where it or the renewal is not there.
    """
    plan = sold_plan(ctx, renewal.plan)
    for each in Purchases(ctx.db, ctx.clock).of(renewal.user_id):
        if each.order.renewal_id == renewal.renewal_id and each.state.is_open:
            return each
    mine = Renewals(ctx.db).of(renewal.user_id)
    due = next((each for each in mine if each.renewal_id == renewal.renewal_id), None)
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
    return Purchases(ctx.db, ctx.clock).order(order, _lasts(ctx), key)


def may_try(ctx: Context, user_id: int, plan: Plan) -> bool:
    """Return whether somebody may have the trial of a plan: once, and not beside the plan."""
    if not plan.trial_days or Terms(ctx.db, ctx.clock).had_trial(user_id, plan.name):
        return False
    return all(each.plan != plan.name for each in Terms(ctx.db, ctx.clock).of(user_id))


def start_trial(ctx: Context, user_id: int, name: str, by: str) -> int:
    """Give somebody the trial of a plan; return its days. Raises Refused where it was had."""
    plan = plan_named(ctx.plans, name)
    if plan is None or not plan.trial_days:
        raise NotFound(f"no trial of {name}", "billing-no-trial")
    days = plan.trial_days
    is_new = may_try(ctx, user_id, plan) and Terms(ctx.db, ctx.clock).add(
        user_id, name, days, Source.TRIAL, f"trial:{name}", by
    )
    if not is_new:
        raise Refused(f"{name} was tried", "billing-trial-had")
    return days
