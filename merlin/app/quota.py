"""What plan and caps let a person ask: reserved with the question, settled with its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

from merlin.account.users import User, Users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.billing.cost_limits import Costs, Guard, Over
from merlin.billing.plan import UNLIMITED, Format, Plan, plan_of
from merlin.billing.quota import Left, Quotas, Spent
from merlin.core.clock import zone_of
from merlin.core.money import Cost
from merlin.db.notices import Notices

__all__ = ["Left", "Over"]
# So few questions left are told of, before they are gone.
NEAR = 2


@dataclass(frozen=True, slots=True)
class Quota:
    """The plan that counts and what is left of it, in the zone in which the person's day turns."""

    plan: Plan
    zone: tzinfo
    left: Mapping[Format, Left]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks one question, numbered `number`; `language` is for the words of a refusal."""

    user_id: int
    plan: Plan
    zone: tzinfo
    language: str
    number: int


def show_quota(ctx: Context, actor: Actor, dataset: str | None = None) -> Quota:
    """Return the actor's plan, for questions about a dataset, and what is left of it."""
    user = Users(ctx.db, ctx.clock).get(actor.user_id) or User(actor.user_id)
    plan, zone = plan_of(ctx.plans, user.plans, dataset), user.time_zone(ctx.timezone)
    return Quota(plan, zone, Quotas(ctx.db, ctx.bot_id, ctx.clock).left(user.user_id, plan, zone))


def find_asker(
    ctx: Context, user: User, language: str, number: int, dataset: str | None = None
) -> Asker:
    """Return who asks, with the plan that counts for questions about a dataset."""
    plan = plan_of(ctx.plans, user.plans, dataset)
    return Asker(user.user_id, plan, user.time_zone(ctx.timezone), language, number)


def is_free(ctx: Context, asker: Asker) -> bool:
    """Return whether nothing is counted of what somebody asks."""
    return asker.plan is UNLIMITED and not ctx.answer_budget.is_set


def reserve(ctx: Context, asker: Asker, kind: Format) -> Over | Left | None:
    """Reserve a question; return what stands in the way, None where it may be asked.

    Over: today's answers cost as much as they may. Left: the plan has no room.
    """
    found = _guard(ctx).over(asker.user_id, ctx.clock())
    if found is not None or asker.plan is UNLIMITED:
        return found
    quotas = Quotas(ctx.db, ctx.bot_id, ctx.clock)
    taken = quotas.reserve(asker.user_id, asker.number, kind, asker.plan, asker.zone)
    return taken.left if isinstance(taken, Spent) else None


def nearly_spent(ctx: Context, asker: Asker, kind: Format) -> Left | None:
    """Return what is left of a format where that is hardly anything, None where it is enough."""
    if asker.plan is UNLIMITED or not asker.plan.allowance(kind).is_limited:
        return None
    quotas = Quotas(ctx.db, ctx.bot_id, ctx.clock)
    left = quotas.left(asker.user_id, asker.plan, asker.zone)[kind]
    return left if left.remaining is not None and left.remaining <= NEAR else None


def settle(ctx: Context, asker: Asker, cost: Cost | None, *, is_answered: bool) -> None:
    """Charge an answered question, give back any other; `cost` None: nobody knows it."""
    note_cost(ctx, asker, cost)
    if asker.plan is not UNLIMITED:
        quotas = Quotas(ctx.db, ctx.bot_id, ctx.clock)
        (quotas.charge if is_answered else quotas.give_back)(asker.number)


def note_cost(ctx: Context, asker: Asker, cost: Cost | None) -> None:
    """Add up what an answer cost where that is capped."""
    if cost is not None:
        _guard(ctx).note(Notices(ctx.db, ctx.clock), asker.user_id, cost, ctx.clock())


def _guard(ctx: Context) -> Guard:
    return Guard(ctx.answer_budget, Costs(ctx.db), zone_of(ctx.timezone))
