"""Checkout, my orders, and the truth about one, as its state, the ledger and its gateway say.

GET  /checkout/{plan}   the price; ?code= makes it lower
POST /checkout/{plan}   the order is stored and YooKassa asked; then to its page of payment
/orders                 mine, newest first
/orders/{id}            one: looked at anew when it is opened, and every few seconds after that
/orders/{id}/live       the part that changes, for the script
/orders/{id}/pay        GET: leads to the page of payment; POST: asks YooKassa for it (again)
/orders/{id}/cancel     gives it up
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from merlin.account.accounts import is_of_telegram
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.formatting import WAITS, order_state, when
from merlin.api.pages.page import (
    FROM_HERE,
    PLANS,
    Owning,
    PageRequest,
    bot_opened,
    refusal_text,
    render_fragment,
    render_page,
)
from merlin.api.pages.plans import brings, may_be_led_to, may_be_paid_here, takes_roubles
from merlin.app import orders
from merlin.app.orders import BY_BUYER, OrderDetails
from merlin.app.plans import find_discount
from merlin.app.settlement import reason_key
from merlin.app.shop import place_order
from merlin.billing.promo_codes import Promo, prices
from merlin.billing.purchases import ID_LENGTH, LOOKED_FOR, Purchase, PurchaseState, promise_of
from merlin.billing.quota import Gift, Plan, Quotas, plan_named
from merlin.core.errors import MerlinError, NotFound, PaymentError, Refused
from merlin.core.i18n import text
from merlin.core.log import get_logger, redact
from merlin.core.money import MAX_MINOR
from merlin.core.web.assets import NEVER_KEPT, seen_other
from merlin.providers.payments import Gateway, contact_of

log = get_logger(__name__)
router = APIRouter(route_class=PageRoute, include_in_schema=False)
PlanName = Annotated[str, Path(max_length=100)]
# More than any code or address has; what is longer is told to be wrong, not cut.
_MAX_INPUT_LENGTH = 500


class Bill(BaseModel):
    """What the form says; `price` is what its button said, in kopecks."""

    model_config = ConfigDict(frozen=True)

    price: int = Field(default=0, ge=0, le=MAX_MINOR)
    code: str = Field(default="", max_length=_MAX_INPUT_LENGTH)
    contact: str = Field(default="", max_length=_MAX_INPUT_LENGTH)
    keeps: bool = False


@router.get("/checkout/{name}")
async def show_checkout(
    visit: Owning,
    name: PlanName,
    code: Annotated[str, Query(max_length=_MAX_INPUT_LENGTH)] = "",
) -> Response:
    """Return what a plan costs."""
    plan = plan_named(visit.services.plans, name)
    if plan is None or not plan.is_sold:
        return not_there(visit, "plan")
    return await _page(visit, plan, Bill(code=code))


@router.post("/checkout/{name}", dependencies=FROM_HERE)
async def buy(visit: Owning, name: PlanName, bill: Annotated[Bill, Form()]) -> Response:
    """Store the order, ask for its page of payment, and lead there."""
    plan = plan_named(visit.services.plans, name)
    if plan is None or not takes_roubles(visit, plan):
        return not_there(visit, "plan")
    needs = _needs_contact(visit)
    address = contact_of(bill.contact) if needs else ""
    if needs and not address:
        words = visit.say("contact-wrong" if bill.contact.strip() else "contact-none")
        return await _page(visit, plan, bill, wrong_contact=words)
    promo, wrong_code = await _read_code(visit, plan, bill.code)
    now = prices(plan, promo)[0]
    if wrong_code or now is None or now.minor != bill.price:
        words = "" if wrong_code else visit.say("price-changed")
        return await _page(visit, plan, bill, words)
    requested = (plan.name, Gateway.YOOKASSA, bill.code, address)
    try:
        purchase = await visit.write(place_order, *requested, keeps_method=bill.keeps)
    except (NotFound, Refused) as error:
        return await _page(visit, plan, bill, refusal_text(visit, error))
    return await led_to_pay(visit, purchase.purchase_id)


async def led_to_pay(visit: PageRequest, purchase_id: str) -> Response:
    """Return the way to the page of payment, or to the order, which says why there is none."""
    try:
        ctx, actor = visit.services, visit.actor
        purchase = await orders.pay_order(ctx, actor, purchase_id)
    except PaymentError as error:
        log.warning("a gateway was asked in vain", purchase=purchase_id, reason=redact(str(error)))
        return seen_other(f"/orders/{purchase_id}?said=silent")
    except MerlinError:
        # It is over, or not the gateway's: the order's page says what is so.
        return seen_other(f"/orders/{purchase_id}")
    if purchase.state.is_open and may_be_led_to(visit, purchase):
        return seen_other(f"/orders/{purchase_id}/pay")
    return seen_other(f"/orders/{purchase_id}")


def not_there(visit: PageRequest, about: str) -> Response:
    """Return what is said instead of a "plan" that nobody can buy here, or another's "order"."""
    return render_page(visit, "shop_lost.html", {"about": about}, status=404, keep=NEVER_KEPT)


def _needs_contact(visit: PageRequest) -> bool:
    shop = visit.services.config.payments.yookassa
    return shop is not None and shop.receipt is not None


async def _read_code(visit: PageRequest, plan: Plan, code: str) -> tuple[Promo | None, str]:
    """Return the code where it makes this plan cheaper, else why it does not."""
    code = code.strip()
    if not code:
        return None, ""
    try:
        promo = await visit.read(find_discount, plan, code)
    except (NotFound, Refused) as error:
        return None, refusal_text(visit, error)
    if not promo.percent:
        return None, visit.say("promo-gives-days")
    return promo, ""


async def _page(
    visit: PageRequest, plan: Plan, bill: Bill, wrong: str = "", wrong_contact: str = ""
) -> Response:
    promo, wrong_code = await _read_code(visit, plan, bill.code)
    read_href = partial(bot_opened, visit.services, PLANS)
    shop = visit.services.config.payments.yookassa
    view = {
        "plan": plan,
        "promise": promise_of(plan),
        "brings": brings(visit, plan),
        # What the button says in kopecks, so that nobody pays another price than they saw.
        "total": prices(plan, promo)[0] if takes_roubles(visit, plan) else None,
        "promo": promo,
        "bot_href": await visit.services.store.read(read_href) if plan.xtr else "",
        "typed": bill,
        "code": bill.code.strip(),
        "wrong_code": wrong_code,
        "needs_contact": _needs_contact(visit),
        "wrong_contact": wrong_contact,
        "consent": _consent(visit, plan),
        "is_test": shop is not None and shop.test,
        "wrong_words": wrong,
    }
    status = 409 if wrong else 422 if wrong_contact else 200
    return render_page(visit, "checkout.html", view, keep=NEVER_KEPT, status=status)


def _consent(visit: PageRequest, plan: Plan) -> str:
    """Return what one agrees to: how much, how often, from when, how to stop it."""
    shop, price = visit.services.config.payments.yookassa, plan.rub
    if shop is None or not (shop.save_methods and plan.renewed) or price is None:
        return ""
    is_told = is_of_telegram(visit.user_id)
    return visit.say(
        "consent",
        price=price.format(visit.language),
        days=visit.say("days-every", count=plan.days or 0),
        told="yes" if is_told else "no",
    )


# Those whose gateway has not been asked for its page.
_UNASKED = (PurchaseState.CREATED, PurchaseState.ASKING)


def _lead(
    visit: PageRequest, details: OrderDetails, state: PurchaseState, *, is_silent: bool
) -> str:
    """Return what is so, in a sentence or two."""
    purchase = details.purchase
    name, order = state.value, purchase.order
    if details.is_empty:
        name = "code-taken"
    elif state is PurchaseState.CANCELED and purchase.reason == BY_BUYER:
        name = "given-up"
    elif state is PurchaseState.PENDING and is_silent:
        name = "look-silent"
    elif state in _UNASKED:
        by_card = "silent" if is_silent else "asking"
        name = by_card if order.gateway is Gateway.YOOKASSA else "pending"
    arguments = {
        "amount": order.amount.format(visit.language),
        "until": when(visit, purchase.expires_at),
        "till": order.gateway.value,
        "why": text(visit.language, reason_key(purchase.reason)),
    }
    return visit.say(f"order-lead-{name}", **arguments)


def _again(visit: PageRequest, purchase: Purchase, state: PurchaseState) -> str:
    """Return where the same is bought anew, once this order is over and it is still sold."""
    if state.is_open:
        return ""
    name = purchase.order.promise.plan
    plan = plan_named(visit.services.plans, name)
    if plan is None or not plan.is_sold:
        return ""
    return f"/checkout/{name}" if state.rank == PurchaseState.EXPIRED.rank else ""


Said = Annotated[str, Query(max_length=20)]
_ID = re.compile(f"[0-9a-f]{{{ID_LENGTH}}}")
_MOST = 100
# The end of what a page `was` that told of a gateway that did not answer.
SILENT = ".silent"
# So long a page waits for a gateway; it is looked at all the same, and told by the next look.
LOOK_S = 4.0
# An open page asks every few seconds for two minutes, then slower, and in the end no more; every
# quarter of a minute the gateway itself is looked at.
_OFTEN_S, _SELDOM_S, _LOOK_EACH_S = 3, 15, 15
_SLOWER_AFTER_S, _OVER_AFTER_S = 120, 3600


async def _own_order(
    visit: Owning, order_id: Annotated[str, Path(max_length=100)]
) -> Purchase | None:
    """Return one of the person's own orders, None for what is another's or not there at all."""
    if not _ID.fullmatch(order_id):
        return None
    try:
        return await visit.read(orders.show_order, order_id)
    except NotFound:
        return None


Mine = Annotated[Purchase | None, Depends(_own_order)]


@router.get("/orders")
async def show_orders(visit: Owning) -> Response:
    """Return my orders, newest first."""
    found = await visit.read(orders.list_orders, _MOST + 1)
    view = {"orders": found[:_MOST], "has_more": len(found) > _MOST}
    return render_page(visit, "orders.html", view, keep=NEVER_KEPT)


@router.get("/orders/{order_id}")
async def show_order(visit: Owning, purchase: Mine, said: Said = "") -> Response:
    """Return one order as it is now; `said` tells that the gateway was asked in vain just now."""
    if purchase is None:
        return not_there(visit, "order")
    is_silent = said == "silent"
    if not is_silent:
        purchase, is_silent = await _looked(visit, purchase)
    view = await _view(visit, purchase, 0, is_silent=is_silent)
    return render_page(visit, "order.html", view, keep=NEVER_KEPT)


@router.get("/orders/{order_id}/live")
async def show_live(
    visit: Owning,
    purchase: Mine,
    since: Annotated[int, Query(ge=0, le=2**53 - 1)],
    was: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """Return the part that changes, or nothing while it is what it `was` since then."""
    if purchase is None:
        return not_there(visit, "order")
    age = max(int(visit.services.clock().timestamp()) - since, 1)
    if age % _LOOK_EACH_S < _OFTEN_S:
        purchase, _ = await _looked(visit, purchase)
    is_silent = was.endswith(SILENT) and was.startswith(f"{purchase.state.value}.")
    view = await _view(visit, purchase, age, is_silent=is_silent)
    if view["now"] == was and view["live_href"]:
        return Response(status_code=204, headers={"Cache-Control": NEVER_KEPT})
    return render_fragment(visit, "order_part.html", view)


@router.get("/orders/{order_id}/pay")
async def lead(visit: Owning, purchase: Mine) -> Response:
    """Lead to the gateway's page of payment.

    By a page of its own: no form may lead away from this site (`form-action 'self'`), and a
    redirect after a form would be that.
    """
    if purchase is None:
        return not_there(visit, "order")
    is_open = purchase.may_be_paid(visit.services.clock())
    order = f"/orders/{purchase.purchase_id}"
    if not (is_open and may_be_led_to(visit, purchase)):
        return seen_other(order)
    view = {"address": purchase.pay_url, "order": order}
    return render_page(visit, "pay.html", view, keep=NEVER_KEPT)


@router.post("/orders/{order_id}/pay", dependencies=FROM_HERE)
async def ask_again(visit: Owning, purchase: Mine) -> Response:
    """Ask the gateway for its page (again): the same order, under the same key."""
    if purchase is None:
        return not_there(visit, "order")
    is_open = purchase.may_be_paid(visit.services.clock())
    if not (is_open and may_be_paid_here(visit, purchase)):
        return seen_other(f"/orders/{purchase.purchase_id}")
    return await led_to_pay(visit, purchase.purchase_id)


@router.post("/orders/{order_id}/cancel", dependencies=FROM_HERE)
async def cancel(visit: Owning, purchase: Mine) -> Response:
    """Give an order up; one that is over already stays as it is."""
    if purchase is None:
        return not_there(visit, "order")
    await visit.write(orders.cancel_order, purchase.purchase_id)
    return seen_other(f"/orders/{purchase.purchase_id}")


async def _looked(visit: PageRequest, purchase: Purchase) -> tuple[Purchase, bool]:
    """Return the order after a look at its gateway, and whether that was too slow to tell."""
    is_ours = visit.services.gateway is not None and purchase.order.gateway is Gateway.YOOKASSA
    is_young = visit.services.clock() - purchase.created_at < LOOKED_FOR
    if purchase.state.is_paid or not (is_ours and (is_young or purchase.state.is_open)):
        return purchase, False
    ctx, actor = visit.services, visit.actor
    try:
        return await orders.look_order(ctx, actor, purchase.purchase_id, LOOK_S), False
    except TimeoutError:
        return purchase, True


async def _view(
    visit: PageRequest, purchase: Purchase, age: int, *, is_silent: bool
) -> dict[str, object]:
    """Return what the page shows that has been open for `age` seconds.

    `lead` says what is so; `is_silent`: the gateway did not answer just now. `has_page`: there is a
    page of payment to go to; `may_ask`: the gateway is asked for that page first. `again_href` buys
    the same anew. It is asked every `live_s` seconds whether `now` is still so; `live_href` "":
    nothing changes by itself any more.
    """
    services, actor = visit.services, visit.actor

    def read() -> tuple[OrderDetails, Sequence[Gift], str]:
        details = orders.show_order_details(services, actor, purchase.purchase_id)
        gifts = Quotas(services.db, services.bot_id).gifts.all(purchase.user_id)
        return details, gifts, bot_opened(services, PLANS)

    details, gifts, bot_href = await services.store.read(read)
    purchase, pack = details.purchase, details.purchase.order.promise.pack
    packs = {f"grant:{grant.entry_id}:{kind.value}" for grant in details.grants for kind in pack}
    state, by_card = order_state(visit, purchase), purchase.order.gateway is Gateway.YOOKASSA
    waits, is_by_hand = state in WAITS, purchase.order.renewal_id is None
    has_page = waits and may_be_led_to(visit, purchase)
    may_ask = waits and is_by_hand and may_be_paid_here(visit, purchase)
    may_check = by_card and (waits or state is PurchaseState.HELD)
    now, href, wait = f"{state.value}.{'page' if has_page else 'none'}", "", 0
    if may_check and age <= _OVER_AFTER_S:
        wait = _OFTEN_S if age < _SLOWER_AFTER_S else _SELDOM_S
        now = f"{now}.{wait}{SILENT if is_silent else ''}"
        since = int(services.clock().timestamp()) - age
        query = urlencode({"since": since, "was": now})
        href = f"/orders/{purchase.purchase_id}/live?{query}"
    return {
        "details": details,
        "purchase": purchase,
        "packs": [gift for gift in gifts if gift.key in packs],
        "bot_href": bot_href,
        "moment": services.clock(),
        "lead": _lead(visit, details, state, is_silent=is_silent),
        "is_paid": state.is_paid,
        "has_page": has_page,
        "may_ask": may_ask and not has_page,
        "may_check": may_check,
        "may_cancel": waits and is_by_hand,
        "again_href": _again(visit, purchase, state),
        "is_good": state is PurchaseState.PAID and not details.is_empty,
        "now": now,
        "live_href": href,
        "live_s": wait,
    }
