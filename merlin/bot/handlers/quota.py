"""What plan and money let a person ask: reserved and settled with the question; what is left."""

from __future__ import annotations

from collections.abc import Sequence

from merlin.app import quota
from merlin.app.inbox import UpdateState
from merlin.app.quota import Asker
from merlin.billing.cost_limits import Over
from merlin.billing.plan import UNLIMITED, Format, Plan, plan_of
from merlin.billing.quota import Given, Left, Quotas
from merlin.bot import rendering
from merlin.bot.context import BotContext
from merlin.bot.rendering import pack_words
from merlin.chat.turns import StoredAnswer
from merlin.core import i18n
from merlin.core.money import Cost

# So few questions left are told of, before they are gone.
NEAR = 2


def plan_for(context: BotContext, dataset: str | None = None) -> Plan:
    """Return the person's plan, for questions about a dataset where one is named."""
    return plan_of(context.services.plans, context.user.plans, dataset)


def _asker(context: BotContext, dataset: str | None = None) -> Asker:
    language, number = context.language, context.update_id
    return quota.find_asker(context.services, context.user, language, number, dataset)


def is_free(context: BotContext) -> bool:
    """Return whether nothing is counted of what the person asks."""
    return quota.is_free(context.services, _asker(context))


def reserve(context: BotContext, dataset: str | None) -> StoredAnswer | None:
    """Reserve a question about a dataset; return what is said where there is no room for it.

    To be called within the store's work.
    """
    found = quota.reserve(context.services, _asker(context, dataset), Format(context.format))
    if found is None:
        return None
    if isinstance(found, Over):
        until = i18n.format_moment(found.until, context.zone, context.language)
        words = context.translate(f"guard-{found.reach.value}", until=until)
        return StoredAnswer("", words, UpdateState.REFUSED)
    words = spent_words(context, found)
    return StoredAnswer("", words, UpdateState.REFUSED, offer=rendering.PLAN)


def spent_words(context: BotContext, left: Left) -> str:
    """Return why no more may be asked in this format, and when it may again."""
    kind = left.kind.value
    if left.limit == 0:
        return context.translate("bot-plan-closed", kind=kind)
    return context.translate(
        "bot-plan-spent",
        kind=kind,
        limit=left.limit or 0,
        period=left.period.value,
        until=i18n.format_moment(left.resets_at, context.zone, context.language),
    )


def left_note(context: BotContext, dataset: str | None) -> str:
    """Return what is said under the answer where hardly any question of its format is left."""
    plan, kind = plan_for(context, dataset), Format(context.format)
    if plan is UNLIMITED or not plan.allowance(kind).is_limited:
        return ""
    left = Quotas(context.db, context.bot_id).left(context.user_id, plan, context.zone)[kind]
    if left.remaining is None or left.remaining > NEAR:
        return ""
    # What is beyond the plan does not come anew with the day.
    is_beyond = left.limit == 0 or left.gifts > 0
    told = {"kind": kind.value, "period": "beyond" if is_beyond else left.period.value}
    if not left.remaining:
        return context.translate("pay-left-none", **told)
    what = pack_words({kind: left.remaining}, context.language)
    return context.translate("pay-left", **told, what=what)


def settle(context: BotContext, written: StoredAnswer) -> None:
    """Charge an answered question, give back any other; within the store's work."""
    cost = Cost(written.cost_micro, written.currency)
    quota.settle(context.services, _asker(context), cost, is_answered=bool(written.answer))


def note_cost(context: BotContext, written: StoredAnswer) -> None:
    """Add up what an answer cost where that is capped; within the store's work."""
    cost = Cost(written.cost_micro, written.currency)
    quota.note_cost(context.services, _asker(context), cost)


_MOST_GIFTS = 8


def left_lines(context: BotContext, plan: Plan) -> list[str]:
    """Return what is left of each format of a plan, a line each; none where nothing is limited."""
    if plan is UNLIMITED:
        return []
    left = Quotas(context.db, context.bot_id).left(context.user_id, plan, context.zone)
    return [_line(context, left[kind]) for kind in Format if kind in left]


def _line(context: BotContext, left: Left) -> str:
    kind = context.translate(f"plan-{left.kind.value}")
    if left.limit is None:
        return context.translate("plan-freely", kind=kind)
    gifts = context.translate("plan-gifts", gifts=left.gifts) if left.gifts else ""
    if left.limit == 0:
        closed = context.translate("plan-closed", kind=kind)
        return f"{closed}{gifts}"
    line = context.translate(
        "plan-left",
        kind=kind,
        left=max(left.limit - left.used, 0),
        limit=left.limit,
        at=i18n.format_moment(left.resets_at, context.zone, context.language),
    )
    return f"{line}{gifts}"


def gift_lines(context: BotContext, gifts: Sequence[Given]) -> list[str]:
    """Return what is left of packs and gifts, a line each, the first to end first."""
    ends = sorted({each.gift.expires_at for each in gifts if each.gift.expires_at is not None})
    told = [each for end in (*ends, None) for each in gifts if each.gift.expires_at == end]
    return [_gift_line(context, each) for each in told[:_MOST_GIFTS]]


def _gift_line(context: BotContext, given: Given) -> str:
    left, until = given.remaining(context.services.clock()), given.gift.expires_at
    what = pack_words({given.gift.kind: left}, context.language)
    if until is None:
        return context.translate("pay-gift", what=what)
    at = i18n.format_moment(until, context.zone, context.language)
    return context.translate("pay-gift-until", what=what, at=at)
