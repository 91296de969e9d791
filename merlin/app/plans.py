"""What people do with plans: see what there is, try one, use a code, stop a renewal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from merlin.account.users import User, Users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.billing import orders
from merlin.billing.plan import UNLIMITED, Plan, on_sale, plan_of
from merlin.billing.promo_codes import Promo, prices
from merlin.billing.quota import Given, Quotas
from merlin.billing.repository import Billing
from merlin.billing.subscriptions import Renewal, RenewalState, Term
from merlin.core.errors import NotFound
from merlin.core.money import Amount
from merlin.db import audit


@dataclass(frozen=True, slots=True)
class PlanOffer:
    """One plan as somebody may have it; `may_try` None: nobody is signed in."""

    plan: Plan
    is_default: bool
    may_try: bool | None


@dataclass(frozen=True, slots=True)
class Quote:
    """What a plan costs somebody, in roubles and in Stars; `promo` is the code that counted."""

    plan: Plan
    promo: Promo | None
    rub: Amount | None
    xtr: Amount | None


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The plans that somebody has for a time, newest first, and their renewals."""

    terms: Sequence[Term] = ()
    renewals: Sequence[Renewal] = ()

    @property
    def running(self) -> list[Renewal]:
        """Return the renewals that are on."""
        return [each for each in self.renewals if each.state is RenewalState.ON]


@dataclass(frozen=True, slots=True)
class CurrentPlan:
    """What somebody has now: the plan that counts, until when, and what comes behind it.

    `until` None: for as long as the config has it. `here` is the plan that counts for a dataset,
    where a course has its own. `gifts` are packs and gifts with something left, newest first.
    """

    plan: Plan
    until: datetime | None
    next_plan: Plan
    here: Plan
    terms: Sequence[Term]
    renewals: Sequence[Renewal]
    gifts: Sequence[Given]

    def ends(self, plan: Plan, now: datetime) -> datetime | None:
        """Return when what they have of a plan ends, None where they have it not for a time."""
        ends = [each.ends_at for each in self.terms if each.plan == plan.name]
        return max((each for each in ends if each > now), default=None)

    def renewal(self, plan: Plan) -> Renewal | None:
        """Return by what a plan renews itself, None where it does not."""
        return next((each for each in self.renewals if each.plan == plan.name), None)


def current_plan(ctx: Context, actor: Actor, dataset: str | None = None) -> CurrentPlan:
    """Return what the actor has now; `dataset` is the one of the open session."""
    now, mine = ctx.clock(), my_subscriptions(ctx.billing, actor)
    user = Users(ctx.db, ctx.clock).get(actor.user_id) or User(actor.user_id)
    plan = plan_of(ctx.plans, user.plans)
    gifts = Quotas(ctx.db, ctx.bot_id, ctx.clock).gifts(actor.user_id)
    found = CurrentPlan(
        plan=plan,
        until=None,
        next_plan=UNLIMITED,
        here=plan_of(ctx.plans, user.plans, dataset),
        terms=mine.terms,
        renewals=mine.running,
        gifts=[each for each in gifts if each.remaining(now) > 0],
    )
    until = found.ends(plan, now)
    if until is None or user.plan == plan.name:
        return found
    left = [each.plan for each in mine.terms if each.starts_at <= until < each.ends_at]
    after = plan_of(ctx.plans, [*left, *([user.plan] if user.plan else [])])
    return replace(found, until=until, next_plan=after)


def has_shop(billing: Billing) -> bool:
    """Return whether anything is on sale, or may be tried."""
    return bool(on_sale(billing.plans)) or any(each.offer.trial_days for each in billing.plans)


def list_plans(billing: Billing, actor: Actor) -> list[PlanOffer]:
    """Return every plan, the first of which is everybody's."""
    who = actor.user_id
    return [
        PlanOffer(each, not place, orders.may_try(billing, who, each) if who else None)
        for place, each in enumerate(billing.plans)
    ]


def my_subscriptions(billing: Billing, actor: Actor) -> Subscriptions:
    """Return what the actor has for a time; nothing for nobody."""
    if not actor.user_id:
        return Subscriptions()
    return Subscriptions(billing.terms.of(actor.user_id), billing.renewals.of(actor.user_id))


def quote(billing: Billing, actor: Actor, plan: str, code: str = "") -> Quote:
    """Return what a plan costs, less with a code. Raises NotFound, Refused for a bad code."""
    found = orders.sold_plan(billing, plan)
    promo = billing.promos.find(actor.user_id, code, found.name) if code else None
    return Quote(found, promo, *prices(found, promo))


def start_trial(billing: Billing, actor: Actor, plan: str) -> int:
    """Give the actor the trial of a plan; return its days.

    Raises NotFound for none, Refused where it was had.
    """
    if not actor.user_id:
        raise NotFound(f"no trial of {plan}", "billing-no-trial")
    return orders.start_trial(billing, actor.user_id, plan, actor.name)


def use_code(billing: Billing, actor: Actor, code: str) -> Promo:
    """Return a code, whose days are given now; one for a lower price counts when it is paid.

    Raises Refused for one that is no good.
    """
    promo = billing.promos.find(actor.user_id, code)
    return promo if promo.percent else billing.promos.redeem(actor.user_id, code)


def redeem_code(billing: Billing, actor: Actor, code: str) -> Promo:
    """Give the days of a code. Raises Refused for one that is no good, or lowers a price."""
    return billing.promos.redeem(actor.user_id, code)


def find_renewal(billing: Billing, actor: Actor, renewal_id: int) -> Renewal:
    """Return a renewal of the actor's that is on. Raises NotFound, for another's as for none."""
    for each in billing.renewals.of(actor.user_id) if actor.user_id else ():
        if each.renewal_id == renewal_id and each.state is RenewalState.ON:
            return each
    raise NotFound("no such renewal", "pay-no-renewal")


def stop_renewal(billing: Billing, actor: Actor, renewal_id: int) -> Renewal:
    """Let a plan end when it ends; what is paid stays until then. Raises NotFound.

    Of one in Stars the bot lets Telegram know.
    """
    found = find_renewal(billing, actor, renewal_id)
    billing.renewals.stop(renewal_id, actor.user_id)
    told = {"plan": found.plan, "till": found.gateway.value}
    billing.audit.note(actor.name, "renewal.stop", audit.person_reference(actor.user_id), told)
    return found
