"""Plans on sale, the trial of one; orders of a person; renewals.

What a person buys by card, SBP or wallet at YooKassa, from the first tap to the end. Ordering twice
is one order, and another's order is not there. Nobody's program buys: these calls are for people
who are signed in. Renewals are plans that are paid again when they end, for as long as their owner
wants that.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.account.api_keys import Scope
from merlin.api.auth import Anyone, Caller, Person, require_access
from merlin.api.idempotency import run_once
from merlin.api.permissions import services_of
from merlin.api.problems import NAMED, Problem, headers_of, language_of_request, problems
from merlin.api.rest.billing_shapes import (
    AmountShown,
    OrderShown,
    RenewalShown,
    amount_shown,
    order_shown,
    renewal_shown,
)
from merlin.api.schema import MOST, Body, Hex, Id, Line, Name, Shape
from merlin.app import orders, plans
from merlin.app.plans import PlanOffer
from merlin.billing.orders import OrderRequest
from merlin.billing.plan import Allowance, Format, plan_named
from merlin.core.errors import Refused
from merlin.core.money import Amount
from merlin.providers.payments import MOST_CONTACT, Gateway, contact_of

order_router = APIRouter(prefix="/api/orders", tags=["orders"])

Reader = Annotated[Caller, Depends(require_access(Scope.ACCOUNT_READ))]
_MOST_NAME, _MOST_CODE = 100, 64


class OrderBody(Body):
    """What is wanted."""

    plan: Annotated[Line, Field(min_length=1, max_length=_MOST_NAME)]
    till: Literal[Gateway.YOOKASSA] = Field(
        default=Gateway.YOOKASSA, description="for Stars the bot sells, within Telegram"
    )
    promo: Annotated[Line, Field(max_length=_MOST_CODE)] = Field(
        default="", description="a code that makes it cheaper"
    )
    contact: Annotated[Line, Field(max_length=MOST_CONTACT)] = Field(
        default="", description="e-mail or telephone for the receipt, where the shop sends one"
    )
    keep_method: bool = Field(
        default=False,
        strict=True,
        description="true: the person agrees that the plan is renewed by what they pay with",
    )


class OrderList(Shape):
    """A person's newest orders, newest first."""

    orders: list[OrderShown]


class PayPage(Shape):
    """Where an order is paid."""

    pay_url: str = Field(description='YooKassa\'s page; "" for an order that is paid already')
    order: OrderShown


@order_router.post(
    "",
    summary="Order a plan",
    status_code=HTTPStatus.CREATED,
    response_model=None,
    openapi_extra=NAMED,
    responses={
        201: {"model": OrderShown, "description": "The order, which waits to be paid"},
        **problems(400, 401, 403, 404, 409, 422),
    },
)
async def place_order(request: Request, caller: Person, body: OrderBody) -> Response:
    """Store an order; the same one that still waits to be paid is returned again.

    The price is what the plan costs now. With an `Idempotency-Key` it is stored once.
    """
    wanted = _wanted(caller, body)

    async def place(_number: int) -> Response:
        services, language = services_of(request), language_of_request(request)
        billing = services.billing
        purchase = await services.store.do(
            lambda: orders.place_order(billing, caller.actor, wanted)
        )
        told = order_shown(purchase, language).model_dump(mode="json")
        headers = {"Location": f"/api/orders/{purchase.purchase_id}", **headers_of(language)}
        return JSONResponse(told, HTTPStatus.CREATED, headers)

    return await run_once(request, caller, place)


def _wanted(caller: Caller, body: OrderBody) -> OrderRequest:
    contact = contact_of(body.contact)
    if body.contact.strip() and not contact:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "contact")
    return OrderRequest(
        user_id=caller.user_id,
        plan=body.plan,
        gateway=body.till,
        promo=body.promo,
        contact=contact,
        keeps_method=body.keep_method,
    )


@order_router.get("", summary="My orders", responses=problems(401, 403))
async def list_orders(request: Request, response: Response, caller: Reader) -> OrderList:
    """Return the newest hundred, those of the bot among them."""
    services, language = services_of(request), language_of_request(request)
    response.headers.update(headers_of(language))
    billing = services.billing
    found = await services.store.read(lambda: orders.list_orders(billing, caller.actor, MOST))
    return OrderList(orders=[order_shown(each, language) for each in found])


@order_router.get("/{order_id}", summary="An order", responses=problems(401, 403, 404, 422))
async def show_order(
    request: Request, response: Response, caller: Reader, order_id: Hex
) -> OrderShown:
    """Return one of mine as it stands; another's is not there."""
    services, language = services_of(request), language_of_request(request)
    response.headers.update(headers_of(language))
    billing = services.billing
    show = partial(orders.show_order, billing, caller.actor, order_id)
    return order_shown(await services.store.read(show), language)


@order_router.post(
    "/{order_id}/pay",
    summary="Pay an order",
    responses=problems(401, 403, 404, 409, 422, 502),
)
async def pay_order(request: Request, response: Response, caller: Person, order_id: Hex) -> PayPage:
    """Return the page on which it is paid; asked for again it is the same page.

    409 for an order that is over: order anew. 503 with `Retry-After` where YooKassa is silent: then
    nothing was paid, and calling again makes no second payment. 502 where YooKassa refuses.
    """
    services, language = services_of(request), language_of_request(request)
    purchase = await orders.pay_order(services, caller.actor, order_id)
    response.headers.update(headers_of(language))
    shown = order_shown(purchase, language)
    return PayPage(pay_url=shown.pay_url, order=shown)


@order_router.delete(
    "/{order_id}",
    summary="Give up an order",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 409, 422),
)
async def give_up_order(request: Request, caller: Person, order_id: Hex) -> None:
    """End an order that waits to be paid; 409 for one that does not."""
    services = services_of(request)
    cancel = partial(orders.cancel_order, services.billing, caller.actor, order_id)
    if not await services.store.do(cancel):
        raise Refused("not open", "pay-not-open")


plan_router = APIRouter(prefix="/api/plans", tags=["plans"])


class AllowanceShown(Shape):
    """How many questions; null: any number, 0: none."""

    day: int | None
    month: int | None


class PriceShown(Shape):
    """What a plan costs; null where it is not sold so."""

    roubles: AmountShown | None = Field(description="at YooKassa: card, SBP, wallet")
    stars: AmountShown | None = Field(description="in Telegram, from the bot")


class PlanShown(Shape):
    """One plan, or a pack of questions that come on top of whatever plan one has."""

    name: str
    title: str = Field(description="in the caller's language")
    about: str = Field(description='what is said of it, "" for nothing')
    is_default: bool = Field(description="everybody's who has no other")
    formats: dict[Format, AllowanceShown]
    window: int | None = Field(description="the most tokens of a talk; null: as the model takes")
    models: list[str] = Field(description="patterns of models that may be chosen; none: every one")
    sessions: int | None = Field(description="how many sessions are kept; null: any number")
    courses: list[str] = Field(description="it counts for questions about these; none: for all")
    price: PriceShown | None = Field(description="null: it is not sold")
    days: int | None = Field(description="for how long it is bought; null: until it is used up")
    pack: dict[Format, int] = Field(description="questions that come on top; none: it is a plan")
    is_renewed: bool = Field(description="it may be paid again by itself when it ends")
    trial_days: int = Field(description="once for nothing; 0: no trial")
    may_try: bool | None = Field(description="the caller may; null: nobody is signed in")


class PlansShown(Shape):
    """Every plan; none where nothing is limited."""

    plans: list[PlanShown]


class TrialBegun(Shape):
    """A trial that runs now."""

    plan: str
    title: str
    days: int


@plan_router.get("", summary="List the plans", responses=problems(401, 403, 429))
async def list_plans(request: Request, response: Response, caller: Anyone) -> PlansShown:
    """Return what plans there are, with prices; the first one is everybody's."""
    services = services_of(request)
    language = language_of_request(request)
    response.headers.update(headers_of(language))
    billing = services.billing
    found = await services.store.read(lambda: plans.list_plans(billing, caller.actor))
    return PlansShown(plans=[_plan_answer(each, language) for each in found])


@plan_router.post(
    "/{plan}/trial",
    summary="Try a plan",
    responses=problems(401, 403, 404, 409, 422),
)
async def try_plan(request: Request, response: Response, caller: Person, plan: Name) -> TrialBegun:
    """Give the trial of a plan, once a person; 409 for who had it, or has the plan."""
    services, language = services_of(request), language_of_request(request)
    response.headers.update(headers_of(language))
    billing = services.billing
    days = await services.store.do(lambda: plans.start_trial(billing, caller.actor, plan))
    title = next(each.titled(language) for each in services.plans if each.name == plan)
    return TrialBegun(plan=plan, title=title, days=days)


def _plan_answer(told: PlanOffer, language: str) -> PlanShown:
    plan = told.plan
    offer = plan.offer
    price = PriceShown(roubles=_price(offer.rub), stars=_price(offer.xtr))
    return PlanShown(
        name=plan.name,
        title=plan.titled(language),
        about=plan.described(language),
        is_default=told.is_default,
        formats={kind: _allowance(plan.allowance(kind)) for kind in Format},
        window=plan.window,
        models=list(plan.models),
        sessions=plan.sessions,
        courses=list(plan.courses),
        price=price if offer.is_sold else None,
        days=offer.days,
        pack=dict(offer.pack),
        is_renewed=offer.is_renewed,
        trial_days=offer.trial_days,
        may_try=told.may_try,
    )


def _price(amount: Amount | None) -> AmountShown | None:
    return None if amount is None else amount_shown(amount)


def _allowance(allowance: Allowance) -> AllowanceShown:
    return AllowanceShown(day=allowance.day, month=allowance.month)


renewal_router = APIRouter(prefix="/api", tags=["orders"])


class RenewalList(Shape):
    """A person's renewals, those that are on first."""

    renewals: list[RenewalShown]


class CodeBody(Body):
    """A code that gives days of a plan."""

    code: Annotated[Line, Field(min_length=1, max_length=64)]


class Given(Shape):
    """What a code gave."""

    plan: str
    title: str
    days: int


@renewal_router.get("/renewals", summary="My renewals", responses=problems(401, 403))
async def list_renewals(request: Request, response: Response, caller: Reader) -> RenewalList:
    """Return what is paid again by itself, and what was."""
    services, language = services_of(request), language_of_request(request)
    response.headers.update(headers_of(language))
    billing = services.billing
    mine = await services.store.read(lambda: plans.my_subscriptions(billing, caller.actor))

    def title(name: str) -> str:
        plan = plan_named(services.plans, name)
        return name if plan is None else plan.titled(language)

    return RenewalList(renewals=[renewal_shown(each, title(each.plan)) for each in mine.renewals])


@renewal_router.delete(
    "/renewals/{renewal_id}",
    summary="Stop a renewal",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422),
)
async def stop_renewal(request: Request, caller: Person, renewal_id: Id) -> None:
    """Let a plan end when it ends; what is paid stays until then."""
    services = services_of(request)
    billing = services.billing
    await services.store.do(lambda: plans.stop_renewal(billing, caller.actor, renewal_id))


@renewal_router.post(
    "/promos/redeem",
    summary="Use a code that gives days",
    responses=problems(401, 403, 409, 422),
)
async def redeem_code(
    request: Request, response: Response, caller: Person, body: CodeBody
) -> Given:
    """Give what the code gives, once a person; 409 with the reason for a code that is no good."""
    services, language = services_of(request), language_of_request(request)
    response.headers.update(headers_of(language))
    billing = services.billing
    promo = await services.store.do(lambda: plans.redeem_code(billing, caller.actor, body.code))
    plan = plan_named(services.plans, promo.plan)
    title = promo.plan if plan is None else plan.titled(language)
    return Given(plan=promo.plan, title=title, days=promo.days)
