"""Tokens: /t shows how full the session's window is, what it costs and what the plan has left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time

from merlin.billing.plan import Plan
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import plan_for, zone_for
from merlin.bot.handlers.answer.asking import dataset_of, window_of, wish_of
from merlin.bot.handlers.pay.left import left_lines
from merlin.bot.handlers.talk.answering import answering
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, said
from merlin.chat.route import first_choice
from merlin.chat.session import Session
from merlin.chat.tally import Newest
from merlin.chat.window import MOST_TURNS, Gauge, size
from merlin.core import money
from merlin.core.message import Message
from merlin.core.money import Cost
from merlin.core.page import Button
from merlin.core.text import text

CELLS = 10
_FULL, _EMPTY = "▰", "▱"


def bar(share: float) -> str:
    """Return the used part as a bar of so many cells; the first one as soon as anything is used."""
    full = min(max(round(share * CELLS), 1 if share > 0 else 0), CELLS)
    return _FULL * full + _EMPTY * (CELLS - full)


def tokens(kit: Kit, event: Event) -> Screen:
    """Show the gauge of the open session."""
    session = kit.rows.sessions.open(event.place)
    plan = plan_for(kit, event, dataset_of(kit, session))
    first = first_choice(kit.rows.shelf, wish_of(kit, session, plan))
    newest = kit.rows.tally.newest(session.session_id)
    limit = window_of(kit, first, plan.window)
    lines = [
        *_gauge_lines(kit, event, session, newest, limit),
        _model_line(kit, event, session),
        *_cost_lines(kit, event, session),
        *_plan_lines(kit, event, plan),
    ]
    return said("\n".join(lines), *_buttons(event, newest))


def _gauge_lines(
    kit: Kit, event: Event, session: Session, newest: Newest | None, limit: int
) -> list[str]:
    is_counted = newest is not None and newest.is_counted and session.used_tokens > 0
    used = session.used_tokens or _estimate(kit, session)
    gauge = Gauge(used, limit)
    share = f"{min(gauge.share, 1) * 100:.0f}"
    by = "provider" if is_counted else "estimate"
    return [
        text(event.language, "tokens-title"),
        f"{bar(gauge.share)} {share} %",
        text(event.language, "tokens-used", used=used, limit=limit, by=by),
    ]


def _estimate(kit: Kit, session: Session) -> int:
    summary = (Message("system", session.summary),) if session.summary else ()
    return size((*summary, *kit.rows.turns.history(session.session_id, MOST_TURNS)))


def _model_line(kit: Kit, event: Event, session: Session) -> str:
    now = answering(kit, event, session)
    model = now.title if now is not None else ""
    return text(event.language, "tokens-model", model=model, is_known="yes" if model else "no")


def _cost_lines(kit: Kit, event: Event, session: Session) -> list[str]:
    here = datetime.combine(
        kit.services.clock().astimezone(zone_for(kit, event)), time(), zone_for(kit, event)
    )
    session_cost = _amounts(kit.rows.tally.of_session(session.session_id), event.language)
    today = _amounts(kit.rows.tally.since(event.user_id, here.astimezone(UTC)), event.language)
    if session_cost and today:
        return [text(event.language, "tokens-cost", session=session_cost, today=today)]
    if today:
        return [text(event.language, "tokens-cost-today", today=today)]
    return []  # no price is known: an unknown cost says nothing to anybody


def _amounts(costs: Sequence[Cost] | None, language: str) -> str:
    """Return a sum for people, "" where the model that answered has no known price."""
    if costs is None:
        return text(language, "tokens-nothing")
    if costs and not any(cost.micro for cost in costs):
        return text(language, "tokens-free")
    return " + ".join(money.told(language, cost.micro, cost.currency) for cost in costs)


def _plan_lines(kit: Kit, event: Event, plan: Plan) -> list[str]:
    lines = left_lines(kit, event, plan)
    title = plan.titled(event.language)
    return ["", text(event.language, "plan-title", title=title), *lines] if lines else []


def _buttons(event: Event, newest: Newest | None) -> list[tuple[Button, ...]]:
    fresh = Button(text(event.language, "bot-button-new"), "new")
    every = Button(text(event.language, "session-all"), "sessions:0")
    kept = (every,) if event.is_private else ()
    if newest is None:
        return [kept] if kept else []
    total = Button(text(event.language, "bot-button-sum"), f"sum:{newest.turn_id}")
    return [(total,), (fresh, *kept)]


TOPIC = Topic(commands={"t": told(tokens), "tokens": told(tokens)}, menu=("t",), group_menu=("t",))
