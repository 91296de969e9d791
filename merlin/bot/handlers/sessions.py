"""/sessions, /new, /clear and /t: the user's sessions and their window.

    list -> card -> open | delete

If the plan allows no more sessions, /new says so and offers to delete the oldest.
"""

from collections.abc import Sequence
from dataclasses import replace

from merlin.app.ask import request_of_session, window_of
from merlin.bot import menu
from merlin.bot.context import BotContext, Use
from merlin.bot.handlers import answering
from merlin.bot.handlers.session_choices import describe_settings
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import Handlers
from merlin.bot.rendering import format_time
from merlin.chat.model_catalogue import find_first_candidate
from merlin.chat.sessions import (
    MAX_TURNS,
    Session,
    WindowCounter,
    count_window_tokens,
)
from merlin.chat.turns import Turn
from merlin.core import money
from merlin.core.clock import start_of_day
from merlin.core.errors import NotFound
from merlin.core.formatted_text import (
    Button,
    shorten_text,
)
from merlin.core.i18n import text
from merlin.core.messages import Usage
from merlin.core.money import Cost

handlers = Handlers()


_QUESTION_LENGTH = 200
_ALL = ("session-all", "sessions:0")


@handlers.command("sessions", use=Use.BY_LINK)
@handlers.button("sessions")
def list_sessions(context: BotContext) -> View:
    """Show a page of the sessions, last used first."""
    count = context.sessions.count(context.place)
    if not count:
        return menu.text_view(context, "sessions-none")
    page = menu.page_number(context.number(), count)
    entries = []
    for session in context.sessions.list_used(
        context.place, page * PAGE_SIZE, PAGE_SIZE
    ):
        label = f"{'▸ ' if session.is_open else ''}{session_title(session, context)}"
        if session.last_used_at is not None:
            label = f"{label} · {format_time(context, session.last_used_at)}"
        entries.append(Button(label, f"session:{session.session_id}"))
    page_row = menu.page_buttons("sessions", page, count)
    pages = {"page": page + 1, "pages": -(-count // PAGE_SIZE)}
    return menu.text_view(
        context, "sessions-list", *entries, *page_row, count=count, **pages
    )


def session_title(session: Session, context: BotContext) -> str:
    """Return a session's title, or a text for sessions without one."""
    return session.title or context.translate("page-session-untitled")


def _require_session(context: BotContext) -> Session:
    """Return the user's session named by the callback data. Raises NotFound."""
    session = context.sessions.find(context.place, context.number())
    if session is None:
        raise NotFound("not theirs", "session-not-found")
    return session


@handlers.button("session")
def session_card(context: BotContext) -> View:
    """Show a session with the possible actions."""
    session = _require_session(context)
    session_id = session.session_id
    translate = context.translate
    lines = [translate("session-card", title=session_title(session, context))]
    if session.last_used_at is not None:
        lines.append(translate("session-last", at=context.moment(session.last_used_at)))
    lines.append(translate("session-turns", turns=context.turns.count(session_id)))
    if session.is_open:
        lines.append(translate("session-open-now"))
    return menu.message(
        context,
        "\n".join(lines),
        not session.is_open
        and ("session-open", f"session-open:{session_id}", "primary"),
        ("session-delete", f"session-drop:{session_id}"),
        _ALL,
    )


@handlers.button("session-open")
def open_session(context: BotContext) -> View:
    """Reopen a session and show its last question."""
    session = _require_session(context)
    context.sessions.switch(context.place, session.session_id)
    parts = [context.translate("session-opened", title=session_title(session, context))]
    for message in context.turns.read_history(session.session_id, 1)[:1]:
        question = shorten_text(message.content, _QUESTION_LENGTH + 1)
        parts.append(context.translate("session-open-question", question=question))
    return menu.paragraphs(context, *parts, rows=(_ALL,))


@handlers.button("session-drop")
def ask_deletion(context: BotContext) -> View:
    """Ask whether to delete a session with its messages."""
    session = _require_session(context)
    confirm_button = (
        "session-delete-sure",
        f"session-dropped:{session.session_id}",
        "danger",
    )
    title = session_title(session, context)
    return menu.text_view(
        context, "session-delete-ask", confirm_button, _ALL, title=title
    )


@handlers.button("session-dropped")
def delete_session(context: BotContext) -> View:
    """Delete a session with its messages."""
    session = _require_session(context)
    context.sessions.delete(context.place, session.session_id)
    title = session_title(session, context)
    return menu.text_view(context, "session-deleted", _ALL, title=title)


CELLS = 10
_FULL = "▰"
_EMPTY = "▱"


def share_bar(share: float) -> str:
    """Return the share as a bar of CELLS cells; any share above 0 fills at least one cell."""
    filled = min(max(round(share * CELLS), 1 if share > 0 else 0), CELLS)
    return _FULL * filled + _EMPTY * (CELLS - filled)


@handlers.command("t", "tokens", use=Use.IN_GROUPS)
def tokens(context: BotContext) -> View:
    """Show the used window of the open session, its model, cost and quota."""
    session = context.open_session()
    plan = answering.plan_for(context)
    request = request_of_session(context.services, session, plan)
    candidate = find_first_candidate(context.catalogue, request)
    newest = context.turns.find_newest(session.session_id)
    model = answering.answering_model(context, session)
    known = {
        "model": model.title if model else "",
        "is_known": "yes" if model else "no",
    }
    limit = window_of(context.services, candidate)
    lines = [
        *_window_lines(context, session, newest, limit),
        context.translate("tokens-model", **known),
        *_cost_lines(context, session),
    ]
    if left_lines := answering.render_left_lines(context, plan):
        title = context.translate("plan-title", title=plan.title_in(context.language))
        lines += ["", title, *left_lines]
    new_button = newest is not None and ("bot-button-new", "new")
    return menu.message(
        context, "\n".join(lines), (new_button, context.is_private and _ALL)
    )


def _window_lines(
    context: BotContext, session: Session, newest: Turn | None, limit: int
) -> list[str]:
    answer = newest.written if newest is not None else None
    used = session.used_tokens
    # Some providers do not report tokens.
    is_counted = used > 0 and answer is not None and answer.usage != Usage()
    if not used:
        used = count_window_tokens(
            context.turns.read_history(session.session_id, MAX_TURNS)
        )
    gauge = WindowCounter(used, limit)
    share = f"{min(gauge.share, 1) * 100:.0f}"
    by = "provider" if is_counted else "estimate"
    return [
        context.translate("tokens-title"),
        f"{share_bar(gauge.share)} {context.translate('page-percent', share=share)}",
        context.translate("tokens-used", used=used, limit=limit, by=by),
    ]


def _cost_lines(context: BotContext, session: Session) -> list[str]:
    turns = context.turns
    day = context.services.clock().astimezone(context.zone).date()
    session_cost = _format_costs(
        turns.session_costs(session.session_id), context.language
    )
    since = start_of_day(day, context.zone)
    today = _format_costs(turns.costs_since(context.user_id, since), context.language)
    if session_cost and today:
        return [context.translate("tokens-cost", session=session_cost, today=today)]
    if today:
        return [context.translate("tokens-cost-today", today=today)]
    return []  # no price is known, so there is no cost to show


def _format_costs(costs: Sequence[Cost] | None, language: str) -> str:
    """Format the total cost, "" if the price is unknown."""
    if costs is None:
        return text(language, "tokens-nothing")
    if costs and not any(cost.micro for cost in costs):
        return text(language, "price-free")
    return " + ".join(
        money.format_cost(language, cost.micro, cost.currency) for cost in costs
    )


@handlers.command("new", use=Use.IN_GROUPS)
def start_session(context: BotContext) -> View:
    """Start a new session, keeping the old."""
    if context.open_session().last_used_at is None:
        return _renew(context, "bot-new-first")
    return _renew(context, "bot-new" if context.is_private else "groups-new")


handlers.button("new", use=Use.IN_GROUPS)(
    lambda context: replace(start_session(context), is_new=True)
)


def _renew(context: BotContext, key: str) -> View:
    """Start a new session and list which settings it takes over."""
    parts = [context.translate(key)]
    session = context.sessions.renew(context.place)
    earlier = describe_settings(context, session)
    taken_over = answering.without_other_provider(context, session)
    choices = describe_settings(context, taken_over)
    if taken_over != session:
        context.sessions.change(answering.fit_window(context, taken_over))
        dropped = "; ".join(setting for setting in earlier if setting not in choices)
        parts.append(context.translate("bot-new-leaves", choices=dropped))
    if choices:
        parts.append(context.translate("bot-new-keeps", choices="; ".join(choices)))
    return menu.paragraphs(context, *parts)


@handlers.command("clear", use=Use.IN_GROUPS)
def clear_session(context: BotContext) -> View:
    """Delete the open session and start a new one."""
    old = context.open_session()
    is_used = context.turns.count(old.session_id) > 0
    view = _renew(context, "bot-clear" if is_used else "bot-new-first")
    context.sessions.delete(context.place, old.session_id)
    return view
