"""Left: what of a plan and beyond it may still be asked, in lines."""

from __future__ import annotations

from datetime import datetime

from merlin.billing.plan import UNLIMITED, Format, Plan
from merlin.billing.quota import Given, Left
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import zone_for
from merlin.bot.kit import Kit
from merlin.bot.stars.words import pack_words
from merlin.core import moment
from merlin.core.text import text

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
        at=moment.told(left.resets_at, zone_for(kit, event), event.language),
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
    at = moment.told(until, zone_for(kit, event), event.language)
    return text(event.language, "pay-gift-until", what=what, at=at)
