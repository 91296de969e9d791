"""Usage: what is left of a person's plan, what this month took, and all that is kept of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.account.key import Scope
from merlin.account.zone import zone_of
from merlin.api.caller import Caller, holding
from merlin.api.described import problems
from merlin.api.language import headers_of, language_of_request
from merlin.api.routes.sessions import CostShown, UsageShown, costs_shown
from merlin.api.services import ApiServices
from merlin.billing.plan import Format, plan_of
from merlin.billing.quota import Left
from merlin.billing.term import Source, Term
from merlin.chat.own import Spending

router = APIRouter(prefix="/api/user", tags=["usage"])

Reader = Annotated[Caller, Depends(holding(Scope.ACCOUNT_READ))]
_EXPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A file with every row that is kept of the person, words opened",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


class LeftShown(BaseModel):
    """What is left of one format."""

    model_config = ConfigDict(frozen=True)

    used: int
    limit: int | None = Field(description="null: any number, 0: not part of the plan")
    period: str = Field(description="day or month: whichever has less room")
    remaining: int | None = Field(description="gifts among them; null: any number")
    gifts: int
    resets_at: datetime


class MonthShown(BaseModel):
    """What this month took, of questions to the bots."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    questions: int
    usage: UsageShown
    costs: list[CostShown]


class TermShown(BaseModel):
    """A plan that somebody has for a time."""

    model_config = ConfigDict(frozen=True)

    plan: str
    title: str
    starts_at: datetime
    ends_at: datetime
    source: Source = Field(description="why they have it")


class UsageLeft(BaseModel):
    """A person's plan and what is left of it."""

    model_config = ConfigDict(frozen=True)

    plan: str = Field(description='"" where nothing is limited')
    title: str
    terms: list[TermShown] = Field(description="what runs or will run, the first to end first")
    formats: dict[Format, LeftShown]
    month: MonthShown


@router.get("/usage", summary="Show what is left of my plan", responses=problems(401, 403, 429))
async def show_usage(request: Request, response: Response, caller: Reader) -> UsageLeft:
    """Return what is left of each format and when it comes back, and what this month took."""
    services: ApiServices = request.app.state.services
    user, rows = caller.user, services.rows
    plan = plan_of(services.plans, user.plans if user else ())
    zone = zone_of((user.zone if user else None) or services.timezone)
    since = _month_began(services.clock(), zone)

    def read() -> tuple[Mapping[Format, Left], Spending, list[Term]]:
        left = rows.quotas.left(caller.user_id, plan, zone)
        terms = rows.books.terms.of(caller.user_id)
        return left, rows.talks.spent(caller.user_id, since), terms

    left, spent, terms = await services.store.read(read)
    language = language_of_request(request)
    response.headers.update(headers_of(language))
    return UsageLeft(
        plan=plan.name,
        title=plan.titled(language),
        terms=_terms(services, language, terms),
        formats=_formats(left),
        month=_month(since, spent),
    )


@router.get(
    "/export",
    summary="Take along all that is kept of me",
    responses={**problems(401, 403, 429), **_EXPORT},
)
async def export(request: Request, caller: Reader) -> Response:
    """Return everything that is kept of the person, as one JSON file."""
    services: ApiServices = request.app.state.services
    told = await services.store.read(lambda: services.rows.people.told(caller.user_id))
    headers = {"Content-Disposition": f'attachment; filename="merlin-{caller.user_id}.json"'}
    return JSONResponse(told, HTTPStatus.OK, headers)


def _month_began(now: datetime, zone: tzinfo) -> datetime:
    first = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first.astimezone(UTC)


def _month(since: datetime, spent: Spending) -> MonthShown:
    usage = UsageShown(
        input_tokens=spent.usage.input_tokens, output_tokens=spent.usage.output_tokens
    )
    costs = costs_shown(spent.costs)
    return MonthShown(since=since, questions=spent.questions, usage=usage, costs=costs)


def _terms(services: ApiServices, language: str, terms: Iterable[Term]) -> list[TermShown]:
    now, titles = services.clock(), {each.name: each.titled(language) for each in services.plans}
    counting = (each for each in terms if each.ends_at > max(now, each.starts_at))
    return [
        TermShown(
            plan=each.plan,
            title=titles.get(each.plan, each.plan),
            starts_at=each.starts_at,
            ends_at=each.ends_at,
            source=each.source,
        )
        for each in sorted(counting, key=lambda term: (term.ends_at, term.term_id))
    ]


def _formats(left: Mapping[Format, Left]) -> dict[Format, LeftShown]:
    return {
        kind: LeftShown(
            used=each.used,
            limit=each.limit,
            period=each.period.value,
            remaining=each.remaining,
            gifts=each.gifts,
            resets_at=each.resets_at,
        )
        for kind, each in left.items()
    }
