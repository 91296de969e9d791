"""What plan and money let a person ask: reserved and settled with the question; what is left."""

from __future__ import annotations

from datetime import datetime, tzinfo

from merlin.app.inbox import UpdateState
from merlin.billing.cost_limits import Guard
from merlin.billing.plan import UNLIMITED, Format, Plan, plan_of
from merlin.billing.quota import Given, Left, Reserved
from merlin.bot import rendering
from merlin.bot.context import Event, Kit
from merlin.bot.rendering import pack_words
from merlin.chat.turns import StoredAnswer
from merlin.core import i18n
from merlin.core.clock import zone_of
from merlin.core.i18n import text
from merlin.core.money import Cost

# So few questions left are told of, before they are gone.
NEAR = 2


def plan_for(kit: Kit, event: Event, dataset: str | None = None) -> Plan:
    """Return the person's plan, for questions about a dataset where one is named."""
    return plan_of(kit.services.plans, event.user.plans, dataset)


def zone_for(kit: Kit, event: Event) -> tzinfo:
    """Return the time zone in which the person's day turns."""
    return zone_of(event.user.zone or kit.services.timezone)


def is_free(kit: Kit, event: Event) -> bool:
    """Return whether nothing is counted of what the person asks."""
    return plan_for(kit, event) is UNLIMITED and not kit.services.caps.is_set


def reserve(kit: Kit, event: Event, dataset: str | None) -> StoredAnswer | None:
    """Reserve a question about a dataset; return what is said where there is no room for it.

    To be called within the store's work.
    """
    too_dear = _too_dear(kit, event)
    if too_dear is not None:
        return too_dear
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
    return StoredAnswer("", words, UpdateState.REFUSED, offer=rendering.PLAN)


def _too_dear(kit: Kit, event: Event) -> StoredAnswer | None:
    """Return what is said where today's answers cost as much as they may."""
    found = _guard(kit).over(event.user_id, kit.services.clock())
    if found is None:
        return None
    until = i18n.format_moment(found.until, zone_for(kit, event), event.language)
    key = f"guard-{found.reach.value}"
    return StoredAnswer("", text(event.language, key, until=until), UpdateState.REFUSED)


def _guard(kit: Kit) -> Guard:
    return Guard(kit.services.caps, kit.rows.costs, zone_of(kit.services.timezone))


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
        until=i18n.format_moment(left.resets_at, zone_for(kit, event), event.language),
    )


def left_note(kit: Kit, event: Event, dataset: str | None) -> str:
    """Return what is said under the answer where hardly any question of its format is left."""
    plan, kind = plan_for(kit, event, dataset), Format(event.format)
    if plan is UNLIMITED or not plan.allowance(kind).is_limited:
        return ""
    left = kit.rows.quotas.left(event.user_id, plan, zone_for(kit, event))[kind]
    if left.remaining is None or left.remaining > NEAR:
        return ""
    # What is beyond the plan does not come anew with the day.
    is_beyond = left.limit == 0 or left.gifts > 0
    told = {"kind": kind.value, "period": "beyond" if is_beyond else left.period.value}
    if not left.remaining:
        return text(event.language, "pay-left-none", **told)
    what = pack_words({kind: left.remaining}, event.language)
    return text(event.language, "pay-left", **told, what=what)


def settle(kit: Kit, event: Event, written: StoredAnswer) -> None:
    """Charge an answered question, give back any other; within the store's work."""
    note_cost(kit, event, written)
    if plan_for(kit, event) is UNLIMITED:
        return
    if written.answer:
        kit.rows.quotas.charge(event.update_id)
    else:
        kit.rows.quotas.give_back(event.update_id)


def note_cost(kit: Kit, event: Event, written: StoredAnswer) -> None:
    """Add up what an answer cost where that is capped; within the store's work."""
    cost = Cost(written.cost_micro, written.currency)
    _guard(kit).note(kit.rows.notices, event.user_id, cost, kit.services.clock())


_MOST_GIFTS = 8


def left_lines(kit: Kit, event: Event, plan: Plan) -> list[str]:
    """Return what is left of each format of a plan, a line each; none where nothing is limited."""
    if plan is UNLIMITED:
        return []
    left = kit.rows.quotas.left(event.user_id, plan, zone_for(kit, event))
    return [_line(kit, event, left[kind]) for kind in Format if kind in left]


def _line(kit: Kit, event: Event, left: Left) -> str:
    kind = text(event.language, f"plan-{left.kind.value}")
    if left.limit is None:
        return text(event.language, "plan-freely", kind=kind)
    gifts = text(event.language, "plan-gifts", gifts=left.gifts) if left.gifts else ""
    if left.limit == 0:
        closed = text(event.language, "plan-closed", kind=kind)
        return f"{closed}{gifts}"
    line = text(
        event.language,
        "plan-left",
        kind=kind,
        left=max(left.limit - left.used, 0),
        limit=left.limit,
        at=i18n.format_moment(left.resets_at, zone_for(kit, event), event.language),
    )
    return f"{line}{gifts}"


def gift_lines(kit: Kit, event: Event) -> list[str]:
    """Return the packs and gifts that are not used up, a line each, the first to end first."""
    now, given = kit.services.clock(), kit.rows.quotas.gifts(event.user_id)
    ending = [(each.gift.expires_at, each) for each in given if each.used < each.gift.amount]
    timed = sorted(
        ((until, each) for until, each in ending if until is not None and until > now),
        key=lambda pair: pair[0],
    )
    for_ever = [each for until, each in ending if until is None]
    lines = [_gift_line(kit, event, each, until) for until, each in timed]
    return [*lines, *(_gift_line(kit, event, each, None) for each in for_ever)][:_MOST_GIFTS]


def _gift_line(kit: Kit, event: Event, given: Given, until: datetime | None) -> str:
    what = pack_words({given.gift.kind: given.gift.amount - given.used}, event.language)
    if until is None:
        return text(event.language, "pay-gift", what=what)
    at = i18n.format_moment(until, zone_for(kit, event), event.language)
    return text(event.language, "pay-gift-until", what=what, at=at)
