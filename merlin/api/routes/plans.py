"""Plans: what people may ask, for everybody to read."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.described import problems
from merlin.api.language import headers_of, language_of_request
from merlin.api.services import ApiServices
from merlin.billing.plan import Allowance, Format, Plan

router = APIRouter(prefix="/api/plans", tags=["plans"])


class AllowanceShown(BaseModel):
    """How many questions; null: any number, 0: none."""

    model_config = ConfigDict(frozen=True)

    day: int | None
    month: int | None


class PlanShown(BaseModel):
    """One plan."""

    model_config = ConfigDict(frozen=True)

    name: str
    title: str = Field(description="in the caller's language")
    is_default: bool = Field(description="everybody's who has no other")
    formats: dict[Format, AllowanceShown]
    window: int | None = Field(description="the most tokens of a talk; null: as the model takes")
    models: list[str] = Field(description="patterns of models that may be chosen; none: every one")
    sessions: int | None = Field(description="how many sessions are kept; null: any number")


class PlansShown(BaseModel):
    """Every plan; none where nothing is limited."""

    model_config = ConfigDict(frozen=True)

    plans: list[PlanShown]


@router.get("", summary="List the plans", responses=problems(429))
async def list_plans(request: Request, response: Response) -> PlansShown:
    """Return what plans there are; the first one is everybody's."""
    services: ApiServices = request.app.state.services
    language = language_of_request(request)
    response.headers.update(headers_of(language))
    first = next(iter(services.plans), None)
    return PlansShown(
        plans=[plan_shown(plan, language, is_default=plan is first) for plan in services.plans]
    )


def plan_shown(plan: Plan, language: str, *, is_default: bool) -> PlanShown:
    """Return a plan as it is told."""
    return PlanShown(
        name=plan.name,
        title=plan.titled(language),
        is_default=is_default,
        formats={kind: _allowance(plan.allowance(kind)) for kind in Format},
        window=plan.window,
        models=list(plan.models),
        sessions=plan.sessions,
    )


def _allowance(allowance: Allowance) -> AllowanceShown:
    return AllowanceShown(day=allowance.day, month=allowance.month)
