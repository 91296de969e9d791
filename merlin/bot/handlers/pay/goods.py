"""Goods: what is on sale, how a button names it, and what a person has of it already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from merlin.billing.buying import Shop
from merlin.billing.plan import UNLIMITED, Plan, on_sale, plan_of
from merlin.billing.renewal import Renewal, RenewalState
from merlin.billing.selling import Selling
from merlin.billing.term import Term
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import plan_for
from merlin.bot.handlers.answer.asking import dataset_of
from merlin.bot.handlers.office.panel import short
from merlin.bot.kit import Kit
from merlin.core.errors import NotFound
from merlin.core.page import Button
from merlin.core.text import text


def shop_of(kit: Kit) -> Shop:
    """Return what is sold, and how."""
    return Shop(kit.services.plans, kit.services.selling)


def plan_at(kit: Kit, mark: str) -> Plan:
    """Return what may be bought or tried and is named so by a button. Raises NotFound."""
    for plan in kit.services.plans:
        is_there = plan.offer.is_sold or plan.offer.trial_days
        if is_there and short(plan.name) == mark:
            return plan
    raise NotFound("no such plan", "bot-button-old")


def word(event: Event, place: int = 0) -> str:
    """Return a button's argument, "" for none."""
    return event.args[place] if place < len(event.args) else ""


def is_for_roubles(selling: Selling, public_url: str, plan: Plan) -> bool:
    """Return whether the bot may lead to the page that takes roubles."""
    shop = selling.yookassa
    is_shown = shop is not None and shop.has_bot_button
    return is_shown and bool(public_url) and plan.offer.rub is not None


@dataclass(frozen=True, slots=True)
class Having:
    """What somebody has now: the plan that counts, until when, and what comes behind it.

    `until` None: for as long as the config has it. `here` is the plan that counts in the open
    session, where a course has its own.
    """

    plan: Plan
    terms: Sequence[Term]
    until: datetime | None
    next_plan: Plan
    here: Plan
    renewals: Sequence[Renewal]

    def ends(self, plan: Plan, now: datetime) -> datetime | None:
        """Return when what they have of a plan ends, None where they have it not for a time."""
        ends = [each.ends_at for each in self.terms if each.plan == plan.name]
        return max((each for each in ends if each > now), default=None)

    def renewal(self, plan: Plan) -> Renewal | None:
        """Return by what a plan renews itself, None where it does not."""
        on = (each for each in self.renewals if each.state is RenewalState.ON)
        return next((each for each in on if each.plan == plan.name), None)


def having(kit: Kit, event: Event) -> Having:
    """Return what the person has now, as it is stored; within the store's work."""
    plans, now = kit.services.plans, kit.services.clock()
    user = kit.rows.users.get(event.user_id) or event.user
    event = replace(event, user=user)
    plan = plan_for(kit, event)
    session = kit.rows.sessions.opened(event.place)
    dataset = dataset_of(kit, session) if session is not None else kit.services.default_dataset
    here = plan_for(kit, event, dataset)
    terms = kit.rows.books.terms.of(event.user_id)
    renewals = kit.rows.books.renewals.of(event.user_id)
    ends = [each.ends_at for each in terms if each.plan == plan.name and each.ends_at > now]
    until = max(ends) if ends and user.plan != plan.name else None
    after = UNLIMITED
    if until is not None:
        left = [each.plan for each in terms if each.starts_at <= until < each.ends_at]
        after = plan_of(plans, [*left, *([user.plan] if user.plan else [])])
    return Having(plan, terms, until, after, here, renewals)


def good_buttons(kit: Kit, event: Event) -> list[tuple[Button, ...]]:
    """Return a row for each plan and pack that may be bought or tried."""
    plans = kit.services.plans
    sold = [*on_sale(plans), *(each for each in plans if each.offer.trial_days)]
    names = dict.fromkeys(each.name for each in sold)
    return [
        (Button(_label(event, each), f"offer:{short(each.name)}"),)
        for each in plans
        if each.name in names and (each.offer.xtr is not None or each.offer.trial_days)
    ]


def _label(event: Event, plan: Plan) -> str:
    title, price = plan.titled(event.language), plan.offer.xtr
    if price is None:
        return text(event.language, "pay-button-trial-of", title=title)
    return f"{title} · {price.told(event.language)}"
