"""Codes: made and stopped by admins who are signed in; no key of a program opens any of it."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field
from starlette.requests import Request

from merlin.account import audit
from merlin.api.described import problems
from merlin.api.routes.payments import Refunding
from merlin.api.services import ApiServices
from merlin.api.shape import LINE, WHOLE, Body, Line, Shape
from merlin.api.teaching.right import services_of
from merlin.api.till.shapes import PromoShown, promo_shown
from merlin.api.till.shop import shop_of
from merlin.billing.plan import plan_named
from merlin.billing.promo import MOST_DAYS, MOST_PERCENT, Promo, written
from merlin.core.errors import NotFound

router = APIRouter(prefix="/api/promos", tags=["payments"])

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


@router.get("", summary="Codes", responses=problems(401, 403))
async def list_promos(
    request: Request,
    caller: Refunding,  # noqa: ARG001 - a right
) -> PromoList:
    """Return every code, with how often it was used."""
    services = services_of(request)
    found = await services.store.read(services.rows.books.promos.all)
    return PromoList(promos=[promo_shown(each) for each in found])


@router.post(
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
        by=audit.user(caller.user_id),
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


@router.delete(
    "/{code}",
    summary="Stop a code",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422),
)
async def stop_promo(request: Request, caller: Refunding, code: Code) -> None:
    """Let nobody use it any more; what it gave stays."""
    services = services_of(request)
    stop, by = services.rows.books.promos.stop, audit.user(caller.user_id)
    await services.store.do(lambda: stop(code, by))
