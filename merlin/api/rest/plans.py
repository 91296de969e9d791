"""Plans on sale; they are bought on the page of plans and in the bot."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from merlin.api.auth import Anyone
from merlin.api.schema import Shape, operation_router
from merlin.billing.quota import Format, Plan, allowance_of
from merlin.core.money import Amount

router = operation_router(prefix="/api/plans", tags=["plans"])


_Roubles = Annotated[
    Amount | None,
    Field(description="Price at YooKassa (card, SBP, wallet); null if not sold there."),
]
_Stars = Annotated[
    Amount | None, Field(description="Price in Telegram Stars, in the bot; null if not sold there.")
]
# A plan's price; null if it is not sold this way.
PriceShown = TypedDict("PriceShown", {"roubles": _Roubles, "stars": _Stars})


# The limits of one question format.
AllowanceShown = TypedDict("AllowanceShown", {"day": int | None, "month": int | None})


class PlanShown(Shape):
    """A plan, or a question pack that adds to any plan."""

    name: str
    title: str = Field(description="Title in the caller's language.")
    about: str = Field(description='Description in the caller\'s language; "" if there is none.')
    is_default: bool = Field(description="Whether this is the plan of users without another one.")
    formats: dict[Format, AllowanceShown] = Field(
        description="Limits of each question format by period; null if unlimited."
    )
    window: int | None = Field(
        description="Maximum tokens of a conversation; null for the model's maximum."
    )
    models: list[str] = Field(
        description="Name patterns of the models that can be selected; empty for all."
    )
    sessions: int | None = Field(
        description="Maximum number of stored sessions; null if unlimited."
    )
    courses: list[str] = Field(description="Courses that the plan applies to; empty for all.")
    price: PriceShown | None = Field(description="Price; null if the plan is not for sale.")
    days: int | None = Field(
        description="Duration in days; null for a question pack, which does not expire."
    )
    pack: dict[Format, int] = Field(
        description="Questions in the pack by format; empty for a plan."
    )


PlansShown = TypedDict("PlansShown", {"plans": list[PlanShown]})


@router.get("", summary="List plans")
async def list_plans(caller: Anyone) -> PlansShown:
    """Return the plans with prices; the free plan is the first."""
    every = caller.services.plans
    return {
        "plans": [
            _plan_answer(plan, caller.language, is_default=plan is every[0]) for plan in every
        ]
    }


def _plan_answer(plan: Plan, language: str, *, is_default: bool) -> PlanShown:
    values = {
        **dict(plan),
        "name": plan.name,
        "title": plan.title_in(language),
        "about": plan.description_in(language),
        "is_default": is_default,
        "formats": {kind: dict(allowance_of(plan, kind)) for kind in Format},
        "price": {"roubles": plan.rub, "stars": plan.xtr} if plan.is_sold else None,
        "pack": plan.questions,
    }
    return PlanShown.from_object(values, language)
