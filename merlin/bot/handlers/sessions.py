"""/sessions, /new, /clear and /t: a person's talks, how full one is, one summed up.

    list -> card -> open | rename (a step) | file | delete -> restore
    sum up: pressed -> reserved -> asked and checked -> new session and message stored -> sent

After a kill the model is asked for a summary again unless the message was stored; the new session
is stored by the same transaction, so there is one for a press. Where the plan keeps no more
sessions /new says so and offers what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time

from merlin.app import summaries
from merlin.app.ask import dataset_of, request_of_session, window_of
from merlin.app.inbox import UpdateState
from merlin.app.outbox import OutgoingMessage, QueuedMessage, Target
from merlin.app.sessions import counted_turns, session_as_json, session_as_markdown
from merlin.app.summaries import SummaryTask
from merlin.bot import answers, menu
from merlin.bot.answers import TypingIndicator
from merlin.bot.context import BotContext, letters
from merlin.bot.handlers.admin import when
from merlin.bot.handlers.answering import (
    answering_model,
    begin_topic,
    fit_window,
    left_lines,
    open_in_topic,
    plan_for,
    refusal_of,
    without_other_provider,
)
from merlin.bot.handlers.questions import own_turn, question_of
from merlin.bot.handlers.session_choices import chosen
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import Handlers
from merlin.chat.model_catalogue import first_candidate
from merlin.chat.sessions import MAX_TURNS, Session, WindowCounter, count_window_tokens, title_of
from merlin.chat.turns import Turn
from merlin.core import money
from merlin.core.formatted_text import Attachment, Button, Entity, FormattedMessage, utf16_length
from merlin.core.i18n import text
from merlin.core.messages import Message, Usage
from merlin.core.money import Cost

handlers = Handlers()


@handlers.button("sum")
async def sum_up(context: BotContext) -> None:
    """Sum up the session that a button names, and go on in a new one. Raises ChatUnreachable."""
    task = await context.store.do(lambda: _begin_summary(context))
    if isinstance(task, View):
        await context.show(lambda: task)
        return
    if not context.is_resumed:
        working = {"callback_query_id": context.query_id, "text": context.translate("sum-working")}
        await context.calls.answer("answerCallbackQuery", working)
    async with TypingIndicator(
        context.calls, context.place, context.services.pace.typing_s
    ) as typing:
        summary, replies = await summaries.summarize_session(
            context.services, task, context.bot_data.desk, typing
        )

    def prepare() -> Sequence[QueuedMessage]:
        is_done = summaries.finish(context.services, task, context.place, summary, replies)
        shown = _goes_on(context, task.session, summary if is_done else "")
        return context.outbox.put(letters(context, shown))

    await context.bot_data.sender.deliver(
        prepare, context.ending(UpdateState.ANSWERED), context.language
    )


def _begin_summary(context: BotContext) -> SummaryTask | View:
    """Return what there is to do, or what is shown where there is nothing."""
    if _is_begun(context):
        return View(None)
    turn = own_turn(context)
    number_ = turn.question.session_id if turn is not None else 0
    session = context.sessions.find(context.place, number_)
    if session is None:
        return menu.refuse(context, "session-not-yours")
    now = context.open_session()
    if now.summary and not now.used_tokens:
        return menu.refuse(context, "sum-done")
    task = summaries.begin(context.services, question_of(context), session)
    if isinstance(task, SummaryTask):
        return task
    refusal = refusal_of(context, task)
    rows = answers.answer_buttons(refusal.offer, 0, context.language)
    return replace(menu.message(context, refusal.note, *rows), is_new=True)


def _goes_on(context: BotContext, old: Session, summary: str) -> View:
    """Show the summary that the new session knows, or say that all stays as it was."""
    if not summary:
        return replace(menu.say(context, "sum-failed"), is_new=True)
    head = context.translate("sum-head")
    tail = context.translate("sum-tail" if context.is_private else "groups-sum-tail")
    mark = Entity("expandable_blockquote", utf16_length(head) + 2, utf16_length(summary))
    # A group opens no earlier session again.
    back = context.is_private and ("sum-back", f"session-open:{old.session_id}")
    rows = menu.buttons_of(context, back)
    return View(FormattedMessage(f"{head}\n\n{summary}\n\n{tail}", (mark,), rows), is_new=True)


NAMING = "session-name"
_FIRST_WORDS = 200
_ALL = ("session-all", "sessions:0")
_Show = Callable[[BotContext, Session], View]


@handlers.command("sessions")
@handlers.button("sessions")
def list_sessions(context: BotContext, wanted: int | None = None) -> View:
    """Show a page of the sessions, the newest used first: the one that a button names, or this."""
    count = context.sessions.count(context.place)
    if not count:
        return menu.say(context, "sessions-none")
    page = menu.page_number(context.number() if wanted is None else wanted, count)
    entries = []
    for each in context.sessions.of(context.place, page * PAGE_SIZE, PAGE_SIZE):
        label = f"{'▸ ' if each.is_open else ''}{titled(each, context)}"
        if each.touched_at is not None:
            label = f"{label} · {when(context, each.touched_at)}"
        entries.append(Button(label, f"session:{each.session_id}"))
    turn = menu.page_buttons("sessions", page, count)
    pages = {"page": page + 1, "pages": -(-count // PAGE_SIZE)}
    return menu.say(context, "sessions-list", *entries, *turn, count=count, **pages)


def titled(session: Session, context: BotContext) -> str:
    """Return a session's title, a word for one that has none."""
    return session.title or context.translate("session-untitled")


def _owned(verb: str) -> Callable[[_Show], _Show]:
    """Answer a button that names a session, to the person whose it is."""

    def add(show: _Show) -> _Show:
        @handlers.button(verb)
        def act(context: BotContext) -> View:
            session = context.sessions.find(context.place, context.number())
            if session is None or session.user_id != context.user_id:
                return menu.refuse(context, "session-not-yours")
            return show(context, session)

        return show

    return add


@_owned("session")
def session_card(context: BotContext, session: Session) -> View:
    """Show one session with what can be done with it."""
    if context.dialog is not None and context.dialog.step == NAMING:
        context.stop_waiting()
    number_, tell = session.session_id, context.translate
    lines = [tell("session-card", title=titled(session, context))]
    if session.touched_at is not None:
        lines.append(tell("session-last", at=context.moment(session.touched_at)))
    lines.append(tell("session-turns", turns=context.turns.count(number_)))
    if session.is_open:
        lines.append(tell("session-open-now"))
    return menu.message(
        context,
        "\n".join(lines),
        not session.is_open and ("session-open", f"session-open:{number_}", "primary"),
        (
            ("session-rename", f"session-name:{number_}"),
            ("session-delete", f"session-drop:{number_}"),
        ),
        (
            ("session-as-text", f"session-file:{number_}:md"),
            ("session-as-json", f"session-file:{number_}:json"),
        ),
        _ALL,
    )


@_owned("session-open")
def open_session(context: BotContext, session: Session) -> View:
    """Open a session again, and remind of where it stopped."""
    context.sessions.switch(context.place, session.session_id)
    message = context.translate("session-opened", title=titled(session, context))
    last = context.turns.history(session.session_id, 1)
    question = next((each.content for each in last if each.role == "user"), None)
    if question is not None:
        question = menu.cut(" ".join(question.split()), _FIRST_WORDS + 1)
        message = f"{message}\n\n{context.translate('session-asked', question=question)}"
    return menu.message(context, message, _ALL)


@_owned("session-name")
def rename_session(context: BotContext, session: Session) -> View:
    """Ask for a new name."""
    back, title = f"session:{session.session_id}", titled(session, context)
    values = {"session": session.session_id}
    return menu.form(context, "session-ask-name", back, step=NAMING, values=values, title=title)


@handlers.step(NAMING)
def session_named(context: BotContext) -> View:
    """Take the name that was written."""
    requested = context.dialog_values.get("session")
    session = context.sessions.find(context.place, int(requested or 0))
    if session is None:
        context.stop_waiting()
        return menu.say(context, "session-not-yours")
    title = title_of(context.text)
    if not title:
        return rename_session(context, session)
    renamed = replace(session, title=title)
    context.sessions.change(renamed)
    return session_card(context, renamed)


@_owned("session-file")
def file(context: BotContext, session: Session) -> View:
    """Hand the session over as a file."""
    turns = counted_turns(context.services, session.session_id)
    if context.arguments[1:] == ("json",):
        kind, content = "json", session_as_json(session, turns)
    else:
        asker = context.translate("session-you")
        kind, content = "md", session_as_markdown(session, turns, asker, context.moment)
    name = f"merlin-{session.session_id}.{kind}"
    page = FormattedMessage(titled(session, context), file=Attachment(name, content.encode()))
    return View(page, is_new=True)


@_owned("session-drop")
def delete_session(context: BotContext, session: Session) -> View:
    """Delete a session with all that was said in it."""
    context.sessions.delete(context.place, session.session_id)
    title = titled(session, context)
    return menu.say(context, "session-deleted", _undo(session), _ALL, title=title)


def _undo(session: Session) -> tuple[str, str]:
    return "session-restore", f"session-restore:{session.session_id}"


@handlers.button("session-restore")
def restore_session(context: BotContext) -> View:
    """Undo that a session was deleted, and show it."""
    session = context.sessions.restore(context.place, context.number())
    if session is None:
        return menu.refuse(context, "session-gone")
    return session_card(context, session)


CELLS = 10
_FULL, _EMPTY = "▰", "▱"


def bar(share: float) -> str:
    """Return the used part as a bar of so many cells; the first one as soon as anything is used."""
    full = min(max(round(share * CELLS), 1 if share > 0 else 0), CELLS)
    return _FULL * full + _EMPTY * (CELLS - full)


@handlers.command("t", "tokens")
def tokens(context: BotContext) -> View:
    """Show the gauge of the open session."""
    session = context.open_session()
    plan = plan_for(context, dataset_of(context.services, session))
    request = request_of_session(context.services, session, plan)
    first = first_candidate(context.catalogue, request)
    newest = context.turns.newest(session.session_id)
    now, left = answering_model(context, session), left_lines(context, plan)
    title = context.translate("plan-title", title=plan.titled(context.language))
    lines = [
        *_gauge_lines(context, session, newest, window_of(context.services, first, plan.window)),
        context.translate(
            "tokens-model", model=now.title if now else "", is_known="yes" if now else "no"
        ),
        *_cost_lines(context, session),
        *(["", title, *left] if left else []),
    ]
    every = context.is_private and _ALL
    if newest is None:
        return menu.message(context, "\n".join(lines), every)
    total = ("bot-button-sum", f"sum:{newest.turn_id}")
    return menu.message(context, "\n".join(lines), total, (("bot-button-new", "new"), every))


def _gauge_lines(
    context: BotContext, session: Session, newest: Turn | None, limit: int
) -> list[str]:
    answer, used = newest.written if newest is not None else None, session.used_tokens
    # The provider may not have told the tokens.
    is_counted = used > 0 and answer is not None and answer.usage != Usage()
    if not used:
        summary = (Message("system", session.summary),) if session.summary else ()
        history = context.turns.history(session.session_id, MAX_TURNS)
        used = count_window_tokens((*summary, *history))
    gauge = WindowCounter(used, limit)
    share = f"{min(gauge.share, 1) * 100:.0f}"
    by = "provider" if is_counted else "estimate"
    return [
        context.translate("tokens-title"),
        f"{bar(gauge.share)} {context.translate('page-percent', share=share)}",
        context.translate("tokens-used", used=used, limit=limit, by=by),
    ]


def _cost_lines(context: BotContext, session: Session) -> list[str]:
    here = datetime.combine(context.services.clock().astimezone(context.zone), time(), context.zone)
    turns = context.turns
    session_cost = _amounts(turns.session_costs(session.session_id), context.language)
    today = _amounts(turns.costs_since(context.user_id, here.astimezone(UTC)), context.language)
    if session_cost and today:
        return [context.translate("tokens-cost", session=session_cost, today=today)]
    if today:
        return [context.translate("tokens-cost-today", today=today)]
    return []  # no price is known: an unknown cost says nothing to anybody


def _amounts(costs: Sequence[Cost] | None, language: str) -> str:
    """Return a sum for people, "" where the model that answered has no known price."""
    if costs is None:
        return text(language, "tokens-nothing")
    if costs and not any(cost.micro for cost in costs):
        return text(language, "price-free")
    return " + ".join(money.format_cost(language, cost.micro, cost.currency) for cost in costs)


_SHOWN = 3
_MOST = 1000
handlers.button("new")(lambda context: replace(fresh(context), is_new=True))


@handlers.command("new")
async def new_session(context: BotContext) -> None:
    """Begin a new session, in its own topic where the chat has topics. Raises ChatUnreachable."""
    may_begin = await context.store.do(lambda: not _is_begun(context) and not beyond(context))
    thread_id = await begin_topic(context) if may_begin else 0
    if not thread_id:
        await context.show(lambda: fresh(context))
        return

    def prepare() -> Sequence[QueuedMessage]:
        open_in_topic(context, thread_id)
        (told_here,) = letters(context, menu.say(context, "session-topic-made"))
        page = FormattedMessage(context.translate("session-topic-begun"))
        key = f"update:{context.update_id}:topic"
        first = OutgoingMessage(key, context.chat_id, page, context.update_id, Target(thread_id))
        return context.outbox.put([told_here, first])

    ending = context.ending(UpdateState.ANSWERED)
    await context.bot_data.sender.deliver(prepare, ending, context.language)


def _is_begun(context: BotContext) -> bool:
    """Return whether the answer was stored before a kill."""
    return context.is_resumed and bool(context.outbox.of_update(context.update_id))


def fresh(context: BotContext) -> View:
    """Close the session, keep it, and open a new one; ask first where an old one has to go."""
    over = beyond(context)
    if over:
        return _offer(context, over)
    if context.open_session().touched_at is None:
        return _begun(context, "bot-new-first")
    return _begun(context, "bot-new" if context.is_private else "groups-new")


def _begun(context: BotContext, key: str, *rows: menu.RowOf) -> View:
    """Open a new session, and say what of the choices made in the old one goes on."""
    words, session = [context.translate(key)], context.sessions.renew(context.place)
    before, home = chosen(context, session), without_other_provider(context, session)
    choices = chosen(context, home)
    if home != session:
        context.sessions.change(fit_window(context, home))
        left = "; ".join(each for each in before if each not in choices)
        words.append(context.translate("bot-new-leaves", choices=left))
    if choices:
        words.append(context.translate("bot-new-keeps", choices="; ".join(choices)))
    return menu.message(context, "\n\n".join(words), *rows)


def beyond(context: BotContext) -> Sequence[Session]:
    """Return the sessions for which one more leaves no room in the person's plan, newest first.

    None where the open one was never used: it is as good as a new one.
    """
    most = plan_for(context).sessions
    if not most or not context.is_private or context.open_session().touched_at is None:
        return ()
    return context.sessions.of(context.place, most - 1, _MOST)


def _offer(context: BotContext, over: Sequence[Session]) -> View:
    most = plan_for(context).sessions or 0
    lines = [context.translate("sessions-most", most=most, over=len(over))]
    for session in over[:_SHOWN]:
        at = context.moment(session.touched_at or context.services.clock())
        lines.append(context.translate("session-oldest", title=titled(session, context), at=at))
    if len(over) > _SHOWN:
        lines.append(context.translate("session-further", more=len(over) - _SHOWN))
    data = f"new-instead:{over[0].session_id}:{len(over)}"
    sure = ("session-new-instead", data, "danger")
    return menu.message(context, "\n".join(lines), sure, (_ALL, menu.CANCEL))


@handlers.button("new-instead")
def instead(context: BotContext) -> View:
    """Delete the sessions that were named, and begin a new one; others are named anew first."""
    over = beyond(context)
    if over and (over[0].session_id, len(over)) != (context.number(), context.number(1)):
        return _offer(context, over)
    # Renewed first: what is deleted may be what is open, and its choices go on.
    screen = _begun(context, "bot-new-first")
    for session in over:
        context.sessions.delete(context.place, session.session_id)
    return screen


@handlers.command("clear")
def clear_session(context: BotContext) -> View:
    """Delete the open session and begin a new one; in a private chat that can be undone."""
    old = context.open_session()
    undo = context.is_private and context.turns.count(old.session_id) > 0 and _undo(old)
    screen = _begun(context, "bot-clear", undo)
    context.sessions.delete(context.place, old.session_id)
    return screen
