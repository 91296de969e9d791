"""Plans: what people may ask and what that costs, for everybody to read; the trial of one."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.account import audit
from merlin.api.caller import Anyone, Person
from merlin.api.described import problems
from merlin.api.language import headers_of, language_of_request
from merlin.api.services import ApiServices
from merlin.api.shape import Name
from merlin.api.teaching.right import services_of
from merlin.api.till.shapes import AmountShown, amount_shown
from merlin.api.till.shop import shop_of
from merlin.billing import buying
from merlin.billing.amount import Amount
from merlin.billing.books import Books
from merlin.billing.plan import Allowance, Format, Plan

router = APIRouter(prefix="/api/plans", tags=["plans"])


class AllowanceShown(BaseModel):
    """How many questions; null: any number, 0: none."""

    model_config = ConfigDict(frozen=True)

    day: int | None
    month: int | None


class PriceShown(BaseModel):
    """What a plan costs; null where it is not sold so."""

    model_config = ConfigDict(frozen=True)

    roubles: AmountShown | None = Field(description="at YooKassa: card, SBP, wallet")
    stars: AmountShown | None = Field(description="in Telegram, from the bot")


class PlanShown(BaseModel):
    """One plan, or a pack of questions that come on top of whatever plan one has."""

    model_config = ConfigDict(frozen=True)

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


class PlansShown(BaseModel):
    """Every plan; none where nothing is limited."""

    model_config = ConfigDict(frozen=True)

    plans: list[PlanShown]


class TrialBegun(BaseModel):
    """A trial that runs now."""

    model_config = ConfigDict(frozen=True)

    plan: str
    title: str
    days: int


@router.get("", summary="List the plans", responses=problems(401, 403, 429))
async def list_plans(request: Request, response: Response, caller: Anyone) -> PlansShown:
    """Return what plans there are, with prices; the first one is everybody's."""
    services = services_of(request)
    language = language_of_request(request)
    response.headers.update(headers_of(language))
    may_try = await _may_try(services, caller.user_id) if caller.user_id else {}
    return PlansShown(
        plans=[
            _shown(plan, language, is_default=not place, may_try=may_try.get(plan.name))
            for place, plan in enumerate(services.plans)
        ]
    )


@router.post(
    "/{plan}/trial",
    summary="Try a plan",
    responses=problems(401, 403, 404, 409, 422),
)
async def try_plan(request: Request, response: Response, caller: Person, plan: Name) -> TrialBegun:
    """Give the trial of a plan, once a person; 409 for who had it, or has the plan."""
    services, language = services_of(request), language_of_request(request)
    response.headers.update(headers_of(language))
    books, shop, by = services.rows.books, shop_of(services), audit.user(caller.user_id)
    days = await services.store.do(
        lambda: buying.begin_trial(books, shop, caller.user_id, plan, by)
    )
    title = next(each.titled(language) for each in services.plans if each.name == plan)
    return TrialBegun(plan=plan, title=title, days=days)


async def _may_try(services: ApiServices, user_id: int) -> dict[str, bool]:
    tried = [plan for plan in services.plans if plan.offer.trial_days]
    books = services.rows.books
    had = await services.store.read(
        lambda: {each.name: _had(books, user_id, each) for each in tried}
    )
    return {plan.name: not had.get(plan.name, True) for plan in services.plans}


def _had(books: Books, user_id: int, plan: Plan) -> bool:
    has_it = any(each.plan == plan.name for each in books.terms.of(user_id))
    return has_it or books.terms.had_trial(user_id, plan.name)


def _shown(plan: Plan, language: str, *, is_default: bool, may_try: bool | None) -> PlanShown:
    offer = plan.offer
    price = PriceShown(roubles=_price(offer.rub), stars=_price(offer.xtr))
    return PlanShown(
        name=plan.name,
        title=plan.titled(language),
        about=plan.described(language),
        is_default=is_default,
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
        may_try=may_try,
    )


def _price(amount: Amount | None) -> AmountShown | None:
    return None if amount is None else amount_shown(amount)


def _allowance(allowance: Allowance) -> AllowanceShown:
    return AllowanceShown(day=allowance.day, month=allowance.month)
