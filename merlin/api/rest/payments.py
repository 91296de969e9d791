"""Payments of everybody, money that goes back, sums by month, till and plan, promo codes.

For admins who are signed in; no key of a program opens any of it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.api.auth import Caller, Person
from merlin.api.idempotency import run_once
from merlin.api.permissions import services_of
from merlin.api.problems import NAMED, Problem, headers_of, language_of_request, problems
from merlin.api.rest.billing_shapes import (
    PaymentDetails,
    PaymentShown,
    PromoShown,
    RefundShown,
    payment_details,
    payment_shown,
    promo_shown,
    refund_shown,
)
from merlin.api.schema import (
    LINE,
    USUAL,
    WHOLE,
    Body,
    Hex,
    Line,
    Page,
    Shape,
    cursor,
    links,
    page_of,
    read_cursor,
)
from merlin.api.services import ApiServices
from merlin.app import payments
from merlin.billing.promo_codes import MOST_DAYS, MOST_PERCENT, Promo
from merlin.billing.purchases import PurchaseState
from merlin.billing.refunds import MOST_REASON, Refund
from merlin.billing.report import Sum, day_start
from merlin.core.clock import zone_of
from merlin.core.errors import NotFound
from merlin.core.money import MOST_MINOR, Amount, Currency
from merlin.core.permissions import Permission
from merlin.providers.payments import Gateway

payment_router = APIRouter(prefix="/api/payments", tags=["payments"])


async def _refunding(caller: Person) -> Caller:
    """Return somebody who may send money back. Raises Problem 403; no key opens this."""
    if not caller.may(Permission.REFUNDS):
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    return caller


Refunding = Annotated[Caller, Depends(_refunding)]


class PaymentList(Shape):
    """Orders of everybody, newest first."""

    payments: list[PaymentShown]


class RefundBody(Body):
    """How much is to go back, and why."""

    minor: Annotated[int, Field(ge=1, le=MOST_MINOR, strict=True), WHOLE] | None = Field(
        default=None, description="kopecks, or Stars; null: all that is left. Stars go back whole"
    )
    reason: Annotated[Line, Field(min_length=1, max_length=MOST_REASON)]


@payment_router.get("", summary="Payments", responses=problems(401, 403, 422))
async def list_payments(
    request: Request,
    response: Response,
    caller: Refunding,
    page: Annotated[Page, Depends(page_of)],
    state: Annotated[PurchaseState | None, Query(description="only those that stand so")] = None,
) -> PaymentList:
    """Return one part of all orders, paid or not, the newest first."""
    services, limit = services_of(request), page.limit or USUAL
    after = read_cursor(page.cursor, str)
    last, named = str(after[0]) if after else "", state.value if state else ""
    billing, language = services.billing, language_of_request(request)

    def found() -> list[PaymentShown]:
        try:
            part = payments.list_payments(billing, caller.actor, limit + 1, last, named)
        except NotFound:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-cursor") from None
        return [payment_shown(each, language) for each in part]

    told = await services.store.read(found)
    following = cursor(told[limit - 1].id) if len(told) > limit else None
    response.headers.update({**links(request, following), **headers_of(language)})
    return PaymentList(payments=told[:limit])


@payment_router.get("/{order_id}", summary="A payment", responses=problems(401, 403, 404, 422))
async def show_payment(
    request: Request,
    response: Response,
    caller: Refunding,
    order_id: Hex,
) -> PaymentDetails:
    """Return one order with its rows of the ledger and its refunds."""
    services, language = services_of(request), language_of_request(request)
    response.headers.update(headers_of(language))
    show = partial(payments.show_payment, services.billing, caller.actor, order_id)
    return payment_details(await services.store.read(show), language)


@payment_router.post(
    "/{order_id}/refund",
    summary="Send money back",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    openapi_extra=NAMED,
    responses={
        202: {"model": RefundShown, "description": "The refund, which is sent within seconds"},
        **problems(400, 401, 403, 404, 409, 422),
    },
)
async def refund_payment(
    request: Request, caller: Refunding, order_id: Hex, body: RefundBody
) -> Response:
    """Write down that money is to go back; what was granted for it ends with it.

    409 for more than is left, for a part of a payment in Stars, and while another is under way.
    With an `Idempotency-Key` it is sent once, however often this call comes.
    """
    services = services_of(request)

    async def want(number: int) -> Response:
        key = f"api:{caller.user_id}:{number}"
        refund = await services.store.do(lambda: _wanted(services, caller, order_id, body, key))
        request.app.state.payment_worker.ring()
        told = refund_shown(refund).model_dump(mode="json")
        headers = {"Location": f"/api/payments/{order_id}"}
        return JSONResponse(told, HTTPStatus.ACCEPTED, headers)

    return await run_once(request, caller, want)


def _wanted(
    services: ApiServices, caller: Caller, order_id: str, body: RefundBody, key: str
) -> Refund:
    billing, actor = services.billing, caller.actor
    details = payments.show_payment(billing, actor, order_id)
    grant = payments.grant_to_refund(details, is_newest=True)
    currency = details.purchase.order.amount.currency
    amount = None if body.minor is None else Amount(body.minor, currency)
    return payments.request_refund(billing, actor, details, grant, amount, body.reason, key)


sum_router = APIRouter(prefix="/api/billing", tags=["payments"])

# More at once is what `merlin billing export` is for.
MOST_SUM_DAYS = 3660
_USUAL_DAYS = 366
_FIRST, _LAST = date(1970, 1, 1), date(9999, 1, 1)
Day = Annotated[
    str,
    Query(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="a day of the config's time zone: 2026-11-20",
    ),
]


class SumShown(Shape):
    """What one plan brought by one till in one month; tests apart."""

    month: str = Field(description="2026-11, in the config's time zone")
    till: Gateway
    currency: Currency
    plan: str
    is_test: bool
    payments: int
    paid: int = Field(description="kopecks, or Stars")
    refunds: int
    returned: int = Field(description="kopecks, or Stars")


class Sums(Shape):
    """Sums of a time, oldest month first."""

    since: datetime
    until: datetime
    sums: list[SumShown]


@sum_router.get("", summary="What was paid", responses=problems(401, 403, 422))
async def show_billing(
    request: Request,
    caller: Refunding,
    since: Day | None = None,
    until: Day | None = None,
) -> Sums:
    """Return sums from the day `since` up to `until`, that day not among them.

    Without them: of the last year, today among it.
    """
    services = services_of(request)
    zone = zone_of(services.timezone)
    today = services.clock().astimezone(zone).date()
    last = _day(until, today + timedelta(days=1))
    first = _day(since, last - timedelta(days=_USUAL_DAYS))
    if not timedelta(0) <= last - first <= timedelta(days=MOST_SUM_DAYS):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-time", days=MOST_SUM_DAYS)
    starts, ends = day_start(first, zone), day_start(last, zone)
    billing = services.billing
    found = await services.store.read(
        lambda: payments.list_sums(billing, caller.actor, starts, ends, zone)
    )
    return Sums(since=starts, until=ends, sums=[_sum_answer(each) for each in found])


def _day(said: str | None, usual: date) -> date:
    try:
        day = usual if said is None else date.fromisoformat(said)
    except ValueError:
        day = date.max
    # A time zone needs room on both sides.
    if not _FIRST <= day <= _LAST:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-time", days=MOST_SUM_DAYS)
    return day


def _sum_answer(each: Sum) -> SumShown:
    return SumShown(
        month=each.month,
        till=each.gateway,
        currency=each.currency,
        plan=each.plan,
        is_test=each.is_test,
        payments=each.revenue.payments,
        paid=each.revenue.paid,
        refunds=each.revenue.refunds,
        returned=each.revenue.returned,
    )


promo_router = APIRouter(prefix="/api/promos", tags=["payments"])

_MOST_USES = 1_000_000
Code = Annotated[str, Path(min_length=1, max_length=64, pattern=LINE)]


class PromoBody(Body):
    """A code that gives `days` of a plan, or takes `percent` off its price."""

    code: Annotated[Line, Field(min_length=1, max_length=64)]
    plan: Annotated[Line, Field(min_length=1, max_length=100)]
    days: Annotated[int, Field(ge=0, le=MOST_DAYS, strict=True), WHOLE] = 0
    percent: Annotated[int, Field(ge=0, le=MOST_PERCENT, strict=True), WHOLE] = 0
    most_uses: Annotated[int, Field(ge=1, le=_MOST_USES, strict=True), WHOLE] | None = Field(
        default=None, description="null: any number of people, each once"
    )
    ends_in_days: Annotated[int, Field(ge=1, le=MOST_DAYS, strict=True), WHOLE] | None = Field(
        default=None, description="null: until it is stopped"
    )


class PromoList(Shape):
    """Codes, newest first."""

    promos: list[PromoShown]


@promo_router.get("", summary="Codes", responses=problems(401, 403))
async def list_promos(
    request: Request,
    caller: Refunding,
) -> PromoList:
    """Return every code, with how often it was used."""
    services = services_of(request)
    billing = services.billing
    found = await services.store.read(lambda: payments.list_codes(billing, caller.actor))
    return PromoList(promos=[promo_shown(each) for each in found])


@promo_router.post(
    "",
    summary="Make a code",
    status_code=HTTPStatus.CREATED,
    responses=problems(401, 403, 404, 409, 422),
)
async def make_promo(request: Request, caller: Refunding, body: PromoBody) -> PromoShown:
    """Store a code; 409 for one that is there, or gives neither days nor a lower price."""
    services = services_of(request)
    ends = None
    if body.ends_in_days is not None:
        ends = services.clock() + timedelta(days=body.ends_in_days)
    promo = Promo(
        code=body.code,
        plan=body.plan,
        days=body.days,
        percent=body.percent,
        most_uses=body.most_uses,
        ends_at=ends,
        by=caller.actor.name,
    )
    billing = services.billing
    made = await services.store.do(lambda: payments.add_code(billing, caller.actor, promo))
    return promo_shown(made)


@promo_router.delete(
    "/{code}",
    summary="Stop a code",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422),
)
async def stop_promo(request: Request, caller: Refunding, code: Code) -> None:
    """Let nobody use it any more; what it gave stays."""
    services = services_of(request)
    billing = services.billing
    await services.store.do(lambda: payments.stop_code(billing, caller.actor, code))
