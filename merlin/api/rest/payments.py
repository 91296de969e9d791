"""Payments of everybody, money that goes back, sums by month, till and plan, promo codes.

For admins who are signed in; no key of a program opens any of it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.api.auth import Caller, Person
from merlin.api.idempotency import run_once
from merlin.api.payments.gateway import shop_of
from merlin.api.payments.schema import (
    PaymentDetails,
    PaymentShown,
    PromoShown,
    RefundShown,
    payment_details,
    payment_shown,
    promo_shown,
    refund_shown,
)
from merlin.api.permissions import services_of
from merlin.api.problems import NAMED, Problem, headers_of, language_of_request, problems
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
from merlin.billing.ledger import Entry, EntryKind
from merlin.billing.plan import plan_named
from merlin.billing.promo_codes import MOST_DAYS, MOST_PERCENT, Promo, written
from merlin.billing.purchases import PurchaseState, Till
from merlin.billing.refunds import MOST_REASON, Refund
from merlin.billing.report import Sum, begins, sums
from merlin.core.clock import zone_of
from merlin.core.errors import NotFound, Refused
from merlin.core.money import MOST_MINOR, Amount, Currency
from merlin.core.permissions import Permission
from merlin.db import audit

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
    caller: Refunding,  # noqa: ARG001 - a right
    page: Annotated[Page, Depends(page_of)],
    state: Annotated[PurchaseState | None, Query(description="only those that stand so")] = None,
) -> PaymentList:
    """Return one part of all orders, paid or not, the newest first."""
    services, limit = services_of(request), page.limit or USUAL
    after = read_cursor(page.cursor, str)
    last = str(after[0]) if after else ""

    def found() -> list[PaymentShown]:
        newest = services.rows.books.purchases.newest
        try:
            part = newest(limit + 1, last, state.value if state else "")
        except NotFound:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-cursor") from None
        return [payment_shown(each, language_of_request(request)) for each in part]

    told = await services.store.read(found)
    following = cursor(told[limit - 1].id) if len(told) > limit else None
    response.headers.update({**links(request, following), **_spoken(request)})
    return PaymentList(payments=told[:limit])


@payment_router.get("/{order_id}", summary="A payment", responses=problems(401, 403, 404, 422))
async def show_payment(
    request: Request,
    response: Response,
    caller: Refunding,  # noqa: ARG001 - a right
    order_id: Hex,
) -> PaymentDetails:
    """Return one order with its rows of the ledger and its refunds."""
    services, language = services_of(request), language_of_request(request)
    response.headers.update(headers_of(language))
    books = services.rows.books

    def read() -> PaymentDetails:
        purchase = books.purchases.get(order_id)
        entries, refunds = books.ledger.entries(order_id), books.refunds.of(order_id)
        return payment_details(purchase, entries, refunds, language)

    return await services.store.read(read)


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
        by, key = audit.person_reference(caller.user_id), f"api:{caller.user_id}:{number}"
        refund = await services.store.do(lambda: _wanted(services, order_id, body, by, key))
        request.app.state.cashier.ring()
        told = refund_shown(refund).model_dump(mode="json")
        headers = {"Location": f"/api/payments/{order_id}"}
        return JSONResponse(told, HTTPStatus.ACCEPTED, headers)

    return await run_once(request, caller, want)


def _wanted(services: ApiServices, order_id: str, body: RefundBody, by: str, key: str) -> Refund:
    books = services.rows.books
    purchase = books.purchases.get(order_id)
    grant = _refundable(services, books.ledger.entries(order_id))
    amount = None if body.minor is None else Amount(body.minor, purchase.order.amount.currency)
    return books.refunds.want(grant.entry_id, amount, body.reason, by, key)


def _refundable(services: ApiServices, entries: list[Entry]) -> Entry:
    """Return the newest grant of which money is left, or the newest. Raises Refused for none."""
    grants = [each for each in reversed(entries) if each.kind is EntryKind.GRANT]
    if not grants:
        raise Refused("nothing was paid", "pay-nothing-paid")
    rest = services.rows.books.ledger.rest
    return next((each for each in grants if rest(each.entry_id).minor), grants[0])


def _spoken(request: Request) -> dict[str, str]:
    return headers_of(language_of_request(request))


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
    till: Till
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
    caller: Refunding,  # noqa: ARG001 - a right
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
    starts, ends = begins(first, zone), begins(last, zone)
    between = services.rows.books.ledger.between
    rows = await services.store.read(lambda: between(starts, ends))
    return Sums(since=starts, until=ends, sums=[_shown(each) for each in sums(rows, zone)])


def _day(said: str | None, usual: date) -> date:
    try:
        day = usual if said is None else date.fromisoformat(said)
    except ValueError:
        day = date.max
    # A time zone needs room on both sides.
    if not _FIRST <= day <= _LAST:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-time", days=MOST_SUM_DAYS)
    return day


def _shown(each: Sum) -> SumShown:
    return SumShown(
        month=each.month,
        till=each.till,
        currency=each.currency,
        plan=each.plan,
        is_test=each.is_test,
        payments=each.brought.payments,
        paid=each.brought.paid,
        refunds=each.brought.refunds,
        returned=each.brought.returned,
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
    caller: Refunding,  # noqa: ARG001 - a right
) -> PromoList:
    """Return every code, with how often it was used."""
    services = services_of(request)
    found = await services.store.read(services.rows.books.promos.all)
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
        by=audit.person_reference(caller.user_id),
    )
    return await services.store.do(lambda: _made(services, promo))


def _made(services: ApiServices, promo: Promo) -> PromoShown:
    promos, plan = services.rows.books.promos, plan_named(services.plans, promo.plan)
    if promo.percent:
        shop_of(services).plan(promo.plan)
    elif plan is None or plan.is_pack:
        raise NotFound("no plan", "quota-no-plan", plan=promo.plan)
    promos.add(promo)
    code = written(promo.code)
    return next(promo_shown(each) for each in promos.all() if each.promo.code == code)


@promo_router.delete(
    "/{code}",
    summary="Stop a code",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422),
)
async def stop_promo(request: Request, caller: Refunding, code: Code) -> None:
    """Let nobody use it any more; what it gave stays."""
    services = services_of(request)
    stop, by = services.rows.books.promos.stop, audit.person_reference(caller.user_id)
    await services.store.do(lambda: stop(code, by))
