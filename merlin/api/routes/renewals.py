"""Renewals: plans that are paid again when they end, for as long as their owner wants that."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.key import Scope
from merlin.api.caller import Caller, Person, holding
from merlin.api.described import problems
from merlin.api.language import headers_of, language_of_request
from merlin.api.shape import Body, Id, Line, Shape
from merlin.api.teaching.right import services_of
from merlin.api.till.shapes import RenewalShown, renewal_shown
from merlin.billing.plan import plan_named
from merlin.core.errors import NotFound

router = APIRouter(prefix="/api", tags=["orders"])

Reader = Annotated[Caller, Depends(holding(Scope.ACCOUNT_READ))]


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


@router.get("/renewals", summary="My renewals", responses=problems(401, 403))
async def list_renewals(request: Request, response: Response, caller: Reader) -> RenewalList:
    """Return what is paid again by itself, and what was."""
    services, language = services_of(request), language_of_request(request)
    response.headers.update(headers_of(language))
    found = await services.store.read(lambda: services.rows.books.renewals.of(caller.user_id))

    def title(name: str) -> str:
        plan = plan_named(services.plans, name)
        return name if plan is None else plan.titled(language)

    return RenewalList(renewals=[renewal_shown(each, title(each.plan)) for each in found])


@router.delete(
    "/renewals/{renewal_id}",
    summary="Stop a renewal",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422),
)
async def stop_renewal(request: Request, caller: Person, renewal_id: Id) -> None:
    """Let a plan end when it ends; what is paid stays until then."""
    services = services_of(request)
    stop = services.rows.books.renewals.stop
    if not await services.store.do(lambda: stop(renewal_id, caller.user_id)):
        raise NotFound("no such renewal", "pay-no-renewal")


@router.post(
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
    redeem = services.rows.books.promos.redeem
    promo = await services.store.do(lambda: redeem(caller.user_id, body.code))
    plan = plan_named(services.plans, promo.plan)
    title = promo.plan if plan is None else plan.titled(language)
    return Given(plan=promo.plan, title=title, days=promo.days)
