"""What people do with plans: see what there is, try one, use a code, stop a renewal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merlin.app.actor import Actor
from merlin.billing import orders
from merlin.billing.plan import Plan, on_sale
from merlin.billing.promo_codes import Promo, prices
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
