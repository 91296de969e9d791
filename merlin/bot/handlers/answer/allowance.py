"""Allowance: what a person's plan lets them ask, reserved and settled with the question."""

from __future__ import annotations

from datetime import tzinfo

from merlin.account.zone import zone_of
from merlin.billing.plan import UNLIMITED, Format, Plan, plan_of
from merlin.billing.quota import Left, Reserved
from merlin.bot import offers
from merlin.bot.event import Event
from merlin.bot.kit import Kit
from merlin.chat.turn import Written
from merlin.core import moment
from merlin.core.text import text
from merlin.inbox.update import UpdateState


def plan_for(kit: Kit, event: Event, dataset: str | None = None) -> Plan:
    """Return the person's plan, for questions about a dataset where one is named."""
    return plan_of(kit.services.plans, event.user.plans, dataset)


def zone_for(kit: Kit, event: Event) -> tzinfo:
    """Return the time zone in which the person's day turns."""
    return zone_of(event.user.zone or kit.services.timezone)


def reserve(kit: Kit, event: Event, dataset: str | None) -> Written | None:
    """Reserve a question about a dataset; return what is said where there is no room for it.

    To be called within the store's work.
    """
    plan = plan_for(kit, event, dataset)
    if plan is UNLIMITED:
        return None
    kind = Format(event.format)
    found = kit.rows.quotas.reserve(
        event.user_id, event.update_id, kind, plan, zone_for(kit, event)
    )
    if isinstance(found, Reserved):
        return None
    words = spent_words(kit, event, found.left)
    return Written("", words, UpdateState.REFUSED, offer=offers.PLAN)


def spent_words(kit: Kit, event: Event, left: Left) -> str:
    """Return why no more may be asked in this format, and when it may again."""
    kind = left.kind.value
    if left.limit == 0:
        return text(event.language, "bot-plan-closed", kind=kind)
    return text(
        event.language,
        "bot-plan-spent",
        kind=kind,
        limit=left.limit or 0,
        period=left.period.value,
        until=moment.told(left.resets_at, zone_for(kit, event), event.language),
    )


def settle(kit: Kit, event: Event, written: Written) -> None:
    """Charge an answered question, give back any other; within the store's work."""
    if plan_for(kit, event) is UNLIMITED:
        return
    if written.answer:
        kit.rows.quotas.charge(event.update_id)
    else:
        kit.rows.quotas.give_back(event.update_id)
