"""Plan: /plan tells what a person has, what is left of it and what may be bought.

plan -> offer (one plan or pack) -> buy | try
     -> code (a step) | orders | renewal -> stopped | invite
"""

from __future__ import annotations

from dataclasses import replace

from merlin.billing.plan import UNLIMITED, Plan
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import zone_for
from merlin.bot.handlers.pay.goods import Having, good_buttons, having
from merlin.bot.handlers.pay.inviting import is_on
from merlin.bot.handlers.pay.left import gift_lines, left_lines
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, said
from merlin.core import moment
from merlin.core.page import Button
from merlin.core.text import text


def plan(kit: Kit, event: Event) -> Screen:
    """Tell what the person has, and what there is."""
    language, mine = event.language, having(kit, event)
    if event.dialog is not None and event.verb:
        kit.rows.dialogs.end(event.chat_id, event.user_id)
    goods = good_buttons(kit, event)
    parts = [*_mine(kit, event, mine), _here(kit, event, mine), _others(kit, event, mine)]
    parts.append("\n".join(_renewals(kit, event, mine)))
    parts.append(text(language, "pay-choose") if goods else "")
    words = "\n\n".join(filter(None, parts))
    return said(words, *goods, *_ways(kit, event, mine))


def _mine(kit: Kit, event: Event, mine: Having) -> list[str]:
    if mine.plan is UNLIMITED:
        return [text(event.language, "plan-unlimited")]
    lines = [_title(kit, event, mine), *left_lines(kit, event, mine.plan)]
    lines += plan_lines(event, mine.plan)
    beyond = gift_lines(kit, event)
    if not beyond:
        return ["\n".join(lines)]
    return ["\n".join(lines), "\n".join([text(event.language, "pay-beyond"), *beyond])]


def _title(kit: Kit, event: Event, mine: Having) -> str:
    title = mine.plan.titled(event.language)
    if mine.until is None:
        return text(event.language, "plan-title", title=title)
    at = moment.told(mine.until, zone_for(kit, event), event.language)
    if mine.next_plan is UNLIMITED or mine.next_plan is mine.plan:
        return text(event.language, "pay-title-until", title=title, at=at)
    then = mine.next_plan.titled(event.language)
    return text(event.language, "pay-title-then", title=title, at=at, then=then)


def plan_lines(event: Event, of: Plan) -> list[str]:
    """Return what a plan brings beside numbers of questions, a line each."""
    lines = []
    if of.window:
        lines.append(text(event.language, "plan-window", tokens=of.window))
    if of.sessions:
        lines.append(text(event.language, "plan-sessions", most=of.sessions))
    if of.models:
        lines.append(text(event.language, "plan-models", models=", ".join(of.models)))
    return lines


def _here(kit: Kit, event: Event, mine: Having) -> str:
    """Return what is left of the plan that counts in the open session, where it is another."""
    if mine.here is mine.plan:
        return ""
    title = mine.here.titled(event.language)
    ends = mine.ends(mine.here, kit.services.clock())
    head = text(event.language, "pay-here", title=title)
    if ends is not None:
        at = moment.told(ends, zone_for(kit, event), event.language)
        head = text(event.language, "pay-here-until", title=title, at=at)
    return "\n".join([head, *left_lines(kit, event, mine.here)])


def _others(kit: Kit, event: Event, mine: Having) -> str:
    """Return the plans that run beside these two, a line each."""
    lines = []
    for each in kit.services.plans:
        ends = mine.ends(each, kit.services.clock())
        if ends is not None and each is not mine.plan and each is not mine.here:
            at = moment.told(ends, zone_for(kit, event), event.language)
            lines.append(
                text(event.language, "pay-other", title=each.titled(event.language), at=at)
            )
    return "\n".join(lines)


def _renewals(kit: Kit, event: Event, mine: Having) -> list[str]:
    lines = []
    for plan_ in kit.services.plans:
        renewal = mine.renewal(plan_)
        if renewal is not None:
            at = moment.told(renewal.next_at, zone_for(kit, event), event.language)
            told_ = {"title": plan_.titled(event.language), "at": at}
            lines.append(text(event.language, "pay-renews", **told_))
    return lines


def _ways(kit: Kit, event: Event, mine: Having) -> list[tuple[Button, ...]]:
    language = event.language
    rows: list[tuple[Button, ...]] = []
    for plan_ in kit.services.plans:
        renewal = mine.renewal(plan_)
        if renewal is not None:
            label = text(language, "pay-button-renewal", title=plan_.titled(language))
            rows.append((Button(label, f"renewal:{renewal.renewal_id}"),))
    last: list[Button] = []
    if len(kit.services.plans) > 1:
        last.append(Button(text(language, "pay-button-code"), "code"))
    if kit.rows.books.purchases.of(event.user_id, 1):
        last.append(Button(text(language, "pay-button-orders"), "orders"))
    if is_on(kit) and mine.plan is not UNLIMITED:
        rows.append((Button(text(language, "invite-button"), "invite"),))
    return [*rows, tuple(last)] if last else rows


def to_plan(event: Event) -> tuple[Button, ...]:
    """Return the row that leads back to /plan."""
    return (Button(text(event.language, "button-back"), "plan:0"),)


TOPIC = Topic(
    commands={"plan": told(plan)},
    # An answer stands over the button without an argument: it is not to be lost.
    buttons={"plan": told(lambda kit, event: replace(plan(kit, event), is_new=not event.args))},
    menu=("plan",),
)
