"""Billing: sums of what was paid and went back, by month, till and plan; for admins."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request

from merlin.account.zone import zone_of
from merlin.api.described import problems
from merlin.api.problems import Problem
from merlin.api.routes.payments import Refunding
from merlin.api.shape import Shape
from merlin.api.teaching.right import services_of
from merlin.billing.amount import Currency
from merlin.billing.purchase import Till
from merlin.billing.report import Sum, begins, sums

router = APIRouter(prefix="/api/billing", tags=["payments"])

# More at once is what `merlin billing export` is for.
MOST_DAYS = 3660
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


@router.get("", summary="What was paid", responses=problems(401, 403, 422))
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
    if not timedelta(0) <= last - first <= timedelta(days=MOST_DAYS):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-time", days=MOST_DAYS)
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
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-time", days=MOST_DAYS)
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
