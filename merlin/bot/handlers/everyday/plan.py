"""Plan: /plan and its button tell what a person may ask, what is left of it and until when."""

from __future__ import annotations

from dataclasses import replace

from merlin.billing.plan import UNLIMITED, Format
from merlin.billing.quota import Left
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import plan_for, zone_for
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, said
from merlin.core import moment
from merlin.core.text import text


def plan(kit: Kit, event: Event) -> Screen:
    """Tell what the plan holds and what is left of it."""
    language, mine = event.language, plan_for(kit, event)
    if mine is UNLIMITED:
        return said(text(language, "plan-unlimited"))
    lines = [text(language, "plan-title", title=mine.titled(language)), *left_lines(kit, event)]
    if mine.window:
        lines.append(text(language, "plan-window", tokens=mine.window))
    if mine.sessions:
        lines.append(text(language, "plan-sessions", most=mine.sessions))
    if mine.models:
        lines.append(text(language, "plan-models", models=", ".join(mine.models)))
    return said("\n".join(lines))


def left_lines(kit: Kit, event: Event) -> list[str]:
    """Return what is left of each format, a line each; none where nothing is limited."""
    mine = plan_for(kit, event)
    if mine is UNLIMITED:
        return []
    left = kit.rows.quotas.left(event.user_id, mine, zone_for(kit, event))
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


TOPIC = Topic(
    commands={"plan": told(plan)},
    # An answer stands over the button: it is not to be lost.
    buttons={"plan": told(lambda kit, event: replace(plan(kit, event), is_new=True))},
    menu=("plan",),
)
