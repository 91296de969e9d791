"""Plans on sale and their trials; a person's orders; renewals.

Purchases by card, SBP or wallet at YooKassa. Ordering twice creates one order; other people's
orders answer 404. API keys cannot buy: these calls require a personal sign-in. A renewal charges a
plan again when it ends, until its owner stops it.
"""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from merlin.api.auth import Anyone, Caller, Person, Reader
from merlin.api.idempotency import run_once
from merlin.api.problems import NAMED, Language, Problem, problems
from merlin.api.rest.payments import (
    OrderShown,
    RenewalShown,
    order_view,
)
from merlin.api.schema import (
    MAX_PAGE_SIZE,
    Body,
    Hex,
    Id,
    Line,
    Name,
    Shape,
    operation_router,
    shape_response,
)
from merlin.app import orders, plans, shop
from merlin.app.plans import PlanOffer
from merlin.billing.quota import Format, allowance_of, plan_title
from merlin.core.errors import Refused
from merlin.core.money import Amount
from merlin.providers.payments import MAX_CONTACT_LENGTH, Gateway, normalise_contact

order_router = operation_router(prefix="/api/orders", tags=["orders"])

_MAX_NAME_LENGTH, _MAX_CODE_LENGTH = 100, 64


class OrderBody(Body):
    """The order to place."""

    plan: Annotated[Line, Field(min_length=1, max_length=_MAX_NAME_LENGTH)]
    gateway: Literal[Gateway.YOOKASSA] = Field(
        default=Gateway.YOOKASSA, description="plans for Stars are sold by the bot, inside Telegram"
    )
    promo: Annotated[Line, Field(max_length=_MAX_CODE_LENGTH)] = Field(
        default="", description="a code that reduces the price"
    )
    contact: Annotated[Line, Field(max_length=MAX_CONTACT_LENGTH)] = Field(
        default="", description="e-mail or telephone number for the receipt, if the shop sends one"
    )
    keep_method: bool = Field(
        default=False,
        strict=True,
        description="true: consent to automatic renewal with this payment method",
    )


OrderList = TypedDict("OrderList", {"orders": list[OrderShown]})


_PayUrl = Annotated[str, Field(description='YooKassa\'s page; "" if the order is already paid')]
# The payment page of an order.
PayPage = TypedDict("PayPage", {"pay_url": _PayUrl, "order": OrderShown})


@order_router.post(
    "",
    summary="Order a plan",
    status_code=HTTPStatus.CREATED,
    response_model=None,
    openapi_extra=NAMED,
    responses={
        201: {"model": OrderShown, "description": "The unpaid order"},
        **problems(400, 404, 409),
    },
)
async def place_order(request: Request, caller: Person, body: OrderBody) -> Response:
    """Store an order; an identical unpaid order is returned again.

    The price is the plan's current one. With an `Idempotency-Key` it is stored once.
    """
    contact = normalise_contact(body.contact)
    if body.contact.strip() and not contact:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "contact")
    requested = (body.plan, body.gateway, body.promo, contact)

    async def place(_number: int) -> Response:
        purchase = await caller.write(shop.place_order, *requested, keeps_method=body.keep_method)
        view = order_view(OrderShown, purchase, caller.language)
        return shape_response(view, caller.language, HTTPStatus.CREATED, f"/api/orders/{view.id}")

    return await run_once(request, caller, place)


@order_router.get("", summary="My orders")
async def list_orders(caller: Reader, language: Language) -> OrderList:
    """Return the newest hundred orders, including those of the bot."""
    purchases = await caller.read(orders.list_orders, MAX_PAGE_SIZE)
    return {"orders": [order_view(OrderShown, purchase, language) for purchase in purchases]}


@order_router.get("/{order_id}", summary="An order", responses=problems(404))
async def show_order(caller: Reader, language: Language, order_id: Hex) -> OrderShown:
    """Return one of your orders; other people's orders answer 404."""
    return order_view(OrderShown, await caller.read(orders.show_order, order_id), language)


@order_router.post("/{order_id}/pay", summary="Pay an order", responses=problems(404, 409, 502))
async def pay_order(caller: Person, language: Language, order_id: Hex) -> PayPage:
    """Return the payment page; repeated calls return the same page.

    409 for an order that is over: place a new one. 503 with `Retry-After` if YooKassa does not
    answer: nothing was paid, and a retry makes no second payment. 502 if YooKassa refuses.
    """
    purchase = await orders.pay_order(caller.services, caller.actor, order_id)
    view = order_view(OrderShown, purchase, language)
    return {"pay_url": view.pay_url, "order": view}


@order_router.delete(
    "/{order_id}", summary="Give up an order", status_code=204, responses=problems(404, 409)
)
async def give_up_order(caller: Person, order_id: Hex) -> None:
    """Cancel an unpaid order; 409 for any other."""
    if not await caller.write(orders.cancel_order, order_id):
        raise Refused("not open", "pay-not-open")


plan_router = operation_router(prefix="/api/plans", tags=["plans"])


_Roubles = Annotated[Amount | None, Field(description="at YooKassa: card, SBP, wallet")]
_Stars = Annotated[Amount | None, Field(description="in Telegram, from the bot")]
# A plan's price; null if it is not sold this way.
PriceShown = TypedDict("PriceShown", {"roubles": _Roubles, "stars": _Stars})


class AllowanceShown(Shape):
    """The number of questions of a format; null: unlimited."""

    day: int | None
    month: int | None


class PlanShown(Shape):
    """One plan, or a pack of questions in addition to any plan."""

    name: str
    title: str = Field(description="in the caller's language")
    about: str = Field(description='its description, "" for none')
    is_default: bool = Field(description="the plan of everyone without another one")
    formats: dict[Format, AllowanceShown]
    window: int | None = Field(
        description="maximum tokens of a conversation; null: as the model allows"
    )
    models: list[str] = Field(description="patterns of selectable models; none: all")
    sessions: int | None = Field(description="number of stored sessions; null: unlimited")
    courses: list[str] = Field(description="it applies to questions about these; none: to all")
    price: PriceShown | None = Field(description="null: not for sale")
    days: int | None = Field(description="duration; null: until it is used up")
    pack: dict[Format, int] = Field(description="extra questions; none: it is a plan")
    is_renewed: bool = Field(
        validation_alias="renewed", description="it can be renewed automatically"
    )
    trial_days: int = Field(description="length of the free trial; 0: no trial")
    may_try: bool | None = Field(description="whether the caller can; null: not signed in")


PlansShown = TypedDict("PlansShown", {"plans": list[PlanShown]})


PlanGiven = TypedDict("PlanGiven", {"plan": str, "title": str, "days": int})


@plan_router.get("", summary="List the plans")
async def list_plans(caller: Anyone, language: Language) -> PlansShown:
    """Return the plans with prices; the first one is the free plan."""
    offers = await caller.read(plans.list_plans)
    return {"plans": [_plan_answer(offer, language) for offer in offers]}


@plan_router.post("/{plan}/trial", summary="Try a plan", responses=problems(404, 409))
async def try_plan(caller: Person, language: Language, plan: Name) -> PlanGiven:
    """Start the trial of a plan, once per person; 409 if it was used, or the plan is active."""
    days = await caller.write(plans.start_trial, plan)
    return _give_plan(caller, plan, days, language)


def _give_plan(caller: Caller, plan: str, days: int, language: str) -> PlanGiven:
    title = plan_title(caller.services.plans, plan, language)
    return {"plan": plan, "title": title, "days": days}


def _plan_answer(plan_offer: PlanOffer, language: str) -> PlanShown:
    plan = plan_offer.plan
    values = {
        **dict(plan),
        "name": plan.name,
        "title": plan.title_in(language),
        "about": plan.described(language),
        "is_default": plan_offer.is_default,
        "formats": {kind: allowance_of(plan, kind) for kind in Format},
        "price": {"roubles": plan.rub, "stars": plan.xtr} if plan.is_sold else None,
        "pack": plan.questions,
        "trial_days": plan.trial_days or 0,
        "may_try": plan_offer.may_try,
    }
    return PlanShown.of(values, language)


renewal_router = operation_router(prefix="/api", tags=["orders"])


RenewalList = TypedDict("RenewalList", {"renewals": list[RenewalShown]})


class CodeBody(Body):
    """A code that grants days of a plan."""

    code: Annotated[Line, Field(min_length=1, max_length=64)]


@renewal_router.get("/renewals", summary="My renewals")
async def list_renewals(caller: Reader, language: Language) -> RenewalList:
    """Return active and former renewals."""
    subscriptions, sold_plans = await caller.read(plans.my_subscriptions), caller.services.plans
    renewals = [
        RenewalShown.of(
            {**asdict(renewal), "title": plan_title(sold_plans, renewal.plan, language)}, language
        )
        for renewal in subscriptions.renewals
    ]
    return {"renewals": renewals}


@renewal_router.delete(
    "/renewals/{renewal_id}", summary="Stop a renewal", status_code=204, responses=problems(404)
)
async def stop_renewal(caller: Person, renewal_id: Id) -> None:
    """Stop a renewal; the paid period remains."""
    await caller.write(plans.stop_renewal, renewal_id)


@renewal_router.post(
    "/promos/redeem", summary="Use a code that gives days", responses=problems(409)
)
async def redeem_code(caller: Person, language: Language, body: CodeBody) -> PlanGiven:
    """Redeem a code, once per person; 409 with the reason for an invalid code."""
    promo = await caller.write(plans.redeem_code, body.code)
    return _give_plan(caller, promo.plan, promo.days, language)
