"""Plans: what a person has, and the reminder before its end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from merlin.account.users import User, Users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.settlement import notify, told_moment
from merlin.app.shop import plan_titles
from merlin.app.subscriptions import find_running
from merlin.billing.quota import (
    UNLIMITED,
    Plan,
    QuestionPack,
    Quotas,
    plan_of,
    plans_for_sale,
)
from merlin.billing.terms import PlanTerm, Terms, term_end
from merlin.core.clock import iso

ENDS_BEFORE = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentPlan:
    """A person's effective plan, when it ends, and what follows it.

    `until` None: no end. `packs` are packs with questions left, `terms` all their terms, both
    newest first.
    """

    plan: Plan
    until: datetime | None = None
    next_plan: Plan = UNLIMITED
    packs: Sequence[QuestionPack]
    terms: Sequence[PlanTerm]


def read_current_plan(
    ctx: Context, actor: Actor, user: User | None = None
) -> CurrentPlan:
    """Return the actor's current plan; `user` if their row is read."""
    now = ctx.clock()
    terms = read_terms(ctx, actor)
    user = user or Users(ctx.db, ctx.clock).get_or_new(actor.user_id)
    plan = plan_of(ctx.plans, user.plans)
    packs = Quotas(ctx.db, ctx.bot_id, ctx.clock).packs.list_all(actor.user_id)
    found = CurrentPlan(
        plan=plan,
        packs=[pack for pack in packs if pack.remaining(now) > 0],
        terms=terms,
    )
    until = term_end(terms, plan.name, now)
    if until is None or user.plan == plan.name:
        return found
    left = [term.plan for term in terms if term.starts_at <= until < term.ends_at]
    after = plan_of(ctx.plans, [*left, *([user.plan] if user.plan else [])])
    return replace(found, until=until, next_plan=after)


def has_shop(ctx: Context) -> bool:
    """Return whether any plan is on sale."""
    return bool(plans_for_sale(ctx.plans))


def read_terms(ctx: Context, actor: Actor) -> list[PlanTerm]:
    """Return the actor's terms, newest first; none without a person."""
    return Terms(ctx.db, ctx.clock).list_of_user(actor.user_id) if actor.user_id else []


def notify_expiry(ctx: Context, now: datetime) -> None:
    """Notify everybody whose plan ends within ENDS_BEFORE; once.

    A person whom an admin gave the plan without an end keeps it, and so does one whose plan renews.
    """
    for term in Terms(ctx.db, ctx.clock).list_ending(now, now + ENDS_BEFORE):
        user = Users(ctx.db, ctx.clock).get(term.user_id)
        renewal = find_running(ctx, term.user_id, term.plan)
        renews = renewal is not None and renewal.is_on
        if renews or (user is not None and user.plan == term.plan):
            continue
        at = told_moment(ctx, term.user_id, term.ends_at)
        values = {**plan_titles(ctx, term.plan), "at": at}
        once = f"ends:{term.term_id}:{iso(term.ends_at)}"
        notify(ctx, term.user_id, "notice-plan-ends", values, once)
