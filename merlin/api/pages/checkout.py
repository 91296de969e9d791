"""Checkout: what is bought, what it costs, where the receipt goes, and the way to pay.

GET  /checkout/{plan}           the price; ?code= makes it lower
POST /checkout/{plan}           the order is stored and YooKassa asked; then to its page of payment

Pressed twice it is one order: the same wish is the same purchase, asked for under one key.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from merlin.account.accounts import is_of_telegram
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import (
    FROM_HERE,
    PLANS,
    Owning,
    PageRequest,
    bot_opened,
    refusal_text,
    render_page,
)
from merlin.api.pages.plans import brings, may_be_led_to, takes_roubles
from merlin.app import orders
from merlin.app.plans import find_discount
from merlin.app.shop import place_order
from merlin.billing.plan import Plan, plan_named
from merlin.billing.promo_codes import Promo, prices
from merlin.billing.purchases import promise_of
from merlin.core.errors import MerlinError, NotFound, PaymentError, Refused
from merlin.core.log import get_logger, redact
from merlin.core.money import MOST_MINOR
from merlin.core.web.assets import NEVER_KEPT, seen_other
from merlin.providers.payments import Gateway, contact_of

log = get_logger(__name__)
router = APIRouter(route_class=PageRoute, include_in_schema=False)
PlanName = Annotated[str, Path(max_length=100)]
# More than any code or address has; what is longer is told to be wrong, not cut.
_MOST = 500


class Bill(BaseModel):
    """What the form says; `price` is what its button said, in kopecks."""

    model_config = ConfigDict(frozen=True)

    price: int = Field(default=0, ge=0, le=MOST_MINOR)
    code: str = Field(default="", max_length=_MOST)
    contact: str = Field(default="", max_length=_MOST)
    keeps: bool = False


@router.get("/checkout/{name}")
async def show_checkout(
    visit: Owning,
    name: PlanName,
    code: Annotated[str, Query(max_length=_MOST)] = "",
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
    wanted = (plan.name, Gateway.YOOKASSA, bill.code, address)
    try:
        purchase = await visit.write(place_order, *wanted, keeps_method=bill.keeps)
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
