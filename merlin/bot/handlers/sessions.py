"""/sessions, /new, /clear and /t: a person's talks, how full one is, one summed up.

    list -> card -> open | rename (a step) | file | delete (asked twice)
    sum up: pressed -> reserved -> asked and checked -> new session and message stored -> sent

After a kill the model is asked for a summary again unless the message was stored; the new session
is stored by the same transaction, so there is one for a press. Where the plan keeps no more
sessions /new says so and offers what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from functools import partial

from merlin.app.dialogs import Dialog
from merlin.app.inbox import UpdateState
from merlin.app.outbox import OutgoingMessage, QueuedMessage, Target
from merlin.billing.plan import Plan
from merlin.bot import rendering
from merlin.bot.context import BotApplication, Event, Handler, Kit, add_handlers, letters, told
from merlin.bot.handlers.asking import (
    answering,
    begin_topic,
    dataset_of,
    open_in_topic,
    window_of,
    wish_of,
)
from merlin.bot.handlers.presets import chosen
from merlin.bot.handlers.questions import number, own_turn
from merlin.bot.handlers.quota import left_lines, note_cost, plan_for, reserve, settle, zone_for
from merlin.bot.menu import PAGE_SIZE, Screen, alert, page_buttons, said
from merlin.bot.streaming import TypingIndicator
from merlin.chat.answer import AnswerObserver, Reply
from merlin.chat.route import Candidate, ModelRequest, candidates, first_candidate
from merlin.chat.sessions import SUMMARY, Session, session_as_json, session_as_markdown, title_of
from merlin.chat.summary import Summarizer
from merlin.chat.turns import LastTurn, Question, StoredAnswer
from merlin.chat.window import MOST_TURNS, WindowCounter, count_window_tokens
from merlin.core import i18n, money
from merlin.core.formatted_text import Attachment, Button, Entity, FormattedMessage, utf16_length
from merlin.core.i18n import text
from merlin.core.messages import Message, Usage
from merlin.core.money import Cost

# The rest is for the task, for what is known so far and for the summary.
_ROOM_SHARE = 2


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be summed up, by which models, and how much of it they take at once."""

    session: Session
    history: Sequence[Message]
    wish: ModelRequest
    first: Candidate | None
    room_tokens: int


async def sum_up(kit: Kit, event: Event) -> None:
    """Sum up the session that a button names, and go on in a new one. Raises ChatUnreachable."""
    task = await kit.store.do(lambda: _open(kit, event))
    if isinstance(task, Screen):
        await kit.show(event, lambda: task)
        return
    if not event.is_resumed:
        working = {"callback_query_id": event.query_id, "text": text(event.language, "sum-working")}
        await kit.calls.answer("answerCallbackQuery", working)
    async with TypingIndicator(kit.calls, event.place, kit.services.pace.typing_s) as typing:
        summing = Summarizer(lambda asked: _ask(kit, task, asked, typing), event.language)
        summary = await summing.of(task.history, task.session.summary, task.room_tokens)

    def prepare() -> Sequence[QueuedMessage]:
        _account(kit, event, task.session, summing.replies, is_done=bool(summary))
        screen = _goes_on(kit, event, task.session, summary)
        return kit.rows.outbox.put(letters(event, screen))

    await kit.sender.deliver(prepare, kit.ending(event, UpdateState.ANSWERED), event.language)


def _open(kit: Kit, event: Event) -> _Task | Screen:
    """Return what there is to do, or what is shown where there is nothing."""
    if event.is_resumed and kit.rows.outbox.of_update(event.update_id):
        return Screen(None)
    turn = own_turn(kit, event)
    session = _session_of(kit, event, turn.question.session_id) if turn is not None else None
    if session is None:
        return alert(text(event.language, "session-not-yours"), is_loud=True)
    now = kit.rows.sessions.open(event.place)
    if now.summary and not now.used_tokens:
        return alert(text(event.language, "sum-done"), is_loud=True)
    refusal = reserve(kit, event, dataset_of(kit, session))
    if refusal is not None:
        rows = rendering.answer_buttons(refusal.offer, 0, event.language)
        return Screen(FormattedMessage(refusal.note, buttons=rows), is_new=True)
    return _task(kit, event, session)


def _session_of(kit: Kit, event: Event, session_id: int) -> Session | None:
    return kit.rows.session_list.find(event.place, session_id)


def _task(kit: Kit, event: Event, session: Session) -> _Task:
    services = kit.services
    wish = ModelRequest(
        dataset=None,
        chosen=None,
        general=services.general,
        system=text(event.language, "sum-system"),
        assistant=services.assistant,
    )
    first = first_candidate(kit.rows.shelf, wish)
    return _Task(
        session,
        kit.rows.turns.history(session.session_id, MOST_TURNS),
        wish,
        first,
        window_of(kit, first) // _ROOM_SHARE,
    )


async def _ask(kit: Kit, task: _Task, asked: Message, onlooker: AnswerObserver) -> Reply:
    route = candidates(kit.rows.shelf, kit.store.read, task.wish, task.first)
    return await kit.desk.reply(route, (asked,), onlooker)


def _goes_on(kit: Kit, event: Event, old: Session, summary: str) -> Screen:
    """Open the session that knows the summary, and show that; or say that all stays as it was."""
    if not summary:
        return replace(said(text(event.language, "sum-failed")), is_new=True)
    kit.rows.session_list.switch(event.place, old.session_id)
    new = kit.rows.sessions.renew(event.place)
    title = old.title if old.summary else text(event.language, "sum-title", title=old.title)
    known = text(event.language, "sum-known", summary=summary)
    kit.rows.sessions.change(replace(new, summary=known))
    kit.rows.sessions.touch(new.session_id, title)
    head = text(event.language, "sum-head")
    tail = text(event.language, "sum-tail" if event.is_private else "groups-sum-tail")
    mark = Entity("expandable_blockquote", utf16_length(head) + 2, utf16_length(summary))
    back = Button(text(event.language, "sum-back"), f"session-open:{old.session_id}")
    # A group opens no earlier session again.
    rows = ((back,),) if event.is_private else ()
    return Screen(FormattedMessage(f"{head}\n\n{summary}\n\n{tail}", (mark,), rows), is_new=True)


def _account(
    kit: Kit, event: Event, old: Session, replies: Sequence[Reply], *, is_done: bool
) -> None:
    """Charge the question, and keep what the models took for it as a turn without words."""
    settle(kit, event, StoredAnswer(answer=SUMMARY if is_done else ""))
    last = next((each for each in reversed(replies) if each.choice), None)
    if last is None or last.choice is None:
        return
    known = kit.services.known
    costs = [known.cost(last.choice, last.model_id, each.usage) for each in replies]
    written = StoredAnswer(
        answer="",
        provider=last.choice.provider,
        model_id=last.model_id,
        usage=Usage(
            sum(each.usage.input_tokens for each in replies),
            sum(each.usage.output_tokens for each in replies),
        ),
        cost_micro=sum(cost.micro for cost in costs if cost),
        currency=next((cost.currency for cost in costs if cost), ""),
    )
    note_cost(kit, event, written)
    question = Question(old.session_id, event.update_id, event.user_id, "", format=SUMMARY)
    kit.rows.turns.ask(question, None)
    kit.rows.turns.write(event.update_id, written)
    kit.rows.turns.told(event.update_id)


NAMING = "session-name"
_FIRST_WORDS = 200


def list_sessions(kit: Kit, event: Event) -> Screen:
    """Show a page of the sessions, the newest used first."""
    return _page(kit, event, number(event))


def _page(kit: Kit, event: Event, wanted: int) -> Screen:
    count = kit.rows.session_list.count(event.place)
    if not count:
        return said(text(event.language, "sessions-none"))
    pages = -(-count // PAGE_SIZE)
    page = min(wanted, pages - 1)
    found = kit.rows.session_list.of(event.place, page * PAGE_SIZE, PAGE_SIZE)
    buttons = [(_entry(kit, event, each),) for each in found]
    words = text(event.language, "sessions-list", count=count, page=page + 1, pages=pages)
    return said(words, *buttons, *page_buttons("sessions", page, count))


def _entry(kit: Kit, event: Event, session: Session) -> Button:
    when = ""
    if session.touched_at is not None:
        moment = session.touched_at
        when = f" · {i18n.format_moment_briefly(moment, zone_for(kit, event), event.language)}"
    mark = "▸ " if session.is_open else ""
    return Button(f"{mark}{titled(session, event)}{when}", f"session:{session.session_id}")


def titled(session: Session, event: Event) -> str:
    """Return a session's title, a word for one that has none."""
    return session.title or text(event.language, "session-untitled")


def own_session(kit: Kit, event: Event) -> Session | None:
    """Return the session that a button names, None where it is not this person's.

    To be called within the store's work.
    """
    found = kit.rows.session_list.find(event.place, number(event))
    return found if found is not None and found.user_id == event.user_id else None


def _owned(show: Callable[[Kit, Event, Session], Screen]) -> Handler:
    """Return the handler that shows a session to the person whose it is, and to nobody else."""

    def act(kit: Kit, event: Event) -> Screen:
        session = own_session(kit, event)
        if session is None:
            return alert(text(event.language, "session-not-yours"), is_loud=True)
        return show(kit, event, session)

    return told(act)


def session_card(kit: Kit, event: Event, session: Session) -> Screen:
    """Show one session with what can be done with it."""
    if event.dialog is not None and event.dialog.step == NAMING:
        kit.rows.dialogs.end(event.chat_id, event.user_id)
    return _card(kit, event, session)


def _card(kit: Kit, event: Event, session: Session) -> Screen:
    language, number_ = event.language, session.session_id
    lines = [text(language, "session-card", title=titled(session, event))]
    if session.touched_at is not None:
        at = i18n.format_moment(session.touched_at, zone_for(kit, event), language)
        lines.append(text(language, "session-last", at=at))
    lines.append(text(language, "session-turns", turns=kit.rows.tally.count(number_)))
    if session.is_open:
        lines.append(text(language, "session-open-now"))
    opening = Button(text(language, "session-open"), f"session-open:{number_}", style="primary")
    return said(
        "\n".join(lines),
        *(() if session.is_open else ((opening,),)),
        (
            Button(text(language, "session-rename"), f"session-name:{number_}"),
            Button(text(language, "session-delete"), f"session-drop:{number_}"),
        ),
        (
            Button(text(language, "session-as-text"), f"session-file:{number_}:md"),
            Button(text(language, "session-as-json"), f"session-file:{number_}:json"),
        ),
        (Button(text(language, "session-all"), "sessions:0"),),
    )


def open_session(kit: Kit, event: Event, session: Session) -> Screen:
    """Open a session again, and remind of where it stopped."""
    kit.rows.session_list.switch(event.place, session.session_id)
    words = text(event.language, "session-opened", title=titled(session, event))
    last = [each for each in kit.rows.turns.history(session.session_id, 1) if each.role == "user"]
    if last:
        question = " ".join(last[0].content.split())
        words = f"{words}\n\n{text(event.language, 'session-asked', question=_cut(question))}"
    return said(words, (Button(text(event.language, "session-all"), "sessions:0"),))


def _cut(words: str) -> str:
    return words if len(words) <= _FIRST_WORDS else f"{words[:_FIRST_WORDS]}…"


def rename_session(kit: Kit, event: Event, session: Session) -> Screen:
    """Ask for a new name."""
    waits = Dialog(NAMING, {"session": session.session_id})
    kit.wait(event, waits)
    return _asks_name(event, session)


def _asks_name(event: Event, session: Session) -> Screen:
    back = Button(text(event.language, "button-back"), f"session:{session.session_id}")
    cancel = Button(text(event.language, "button-cancel"), "cancel")
    words = text(event.language, "session-ask-name", title=titled(session, event))
    return said(words, (back, cancel))


def session_named(kit: Kit, event: Event) -> Screen:
    """Take the name that was written."""
    wanted = event.dialog.said.get("session") if event.dialog is not None else None
    session = kit.rows.session_list.find(event.place, int(wanted or 0))
    if session is None:
        kit.rows.dialogs.end(event.chat_id, event.user_id)
        return said(text(event.language, "session-not-yours"))
    title = title_of(event.text)
    if not title:
        return _asks_name(event, session)
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    renamed = replace(session, title=title)
    kit.rows.sessions.change(renamed)
    return _card(kit, event, renamed)


def file(kit: Kit, event: Event, session: Session) -> Screen:
    """Hand the session over as a file."""
    passages = kit.rows.transcripts.passages(session.session_id)
    if event.args[1:] == ("json",):
        kind, content = "json", session_as_json(session, passages)
    else:
        when = partial(i18n.format_moment, zone=zone_for(kit, event), language=event.language)
        asker = text(event.language, "session-you")
        kind, content = "md", session_as_markdown(session, passages, asker, when)
    name = f"merlin-{session.session_id}.{kind}"
    page = FormattedMessage(titled(session, event), file=Attachment(name, content.encode()))
    return Screen(page, is_new=True)


def ask_delete_session(_kit: Kit, event: Event, session: Session) -> Screen:
    """Ask whether it is meant."""
    sure = Button(
        text(event.language, "session-delete"),
        f"session-drop-yes:{session.session_id}",
        style="danger",
    )
    keep = Button(text(event.language, "session-keep"), f"session:{session.session_id}")
    words = text(event.language, "session-ask-delete", title=titled(session, event))
    return said(words, (sure, keep))


def delete_session(kit: Kit, event: Event, session: Session) -> Screen:
    """Delete a session with all that was said in it."""
    kit.rows.session_list.delete(event.place, session.session_id)
    words = text(event.language, "session-deleted", title=titled(session, event))
    return replace(_page(kit, event, 0), alert=words)


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
    first = first_candidate(kit.rows.shelf, wish_of(kit, session, plan))
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
    kit: Kit, event: Event, session: Session, newest: LastTurn | None, limit: int
) -> list[str]:
    is_counted = newest is not None and newest.is_counted and session.used_tokens > 0
    used = session.used_tokens or _estimate(kit, session)
    gauge = WindowCounter(used, limit)
    share = f"{min(gauge.share, 1) * 100:.0f}"
    by = "provider" if is_counted else "estimate"
    return [
        text(event.language, "tokens-title"),
        f"{bar(gauge.share)} {share} %",
        text(event.language, "tokens-used", used=used, limit=limit, by=by),
    ]


def _estimate(kit: Kit, session: Session) -> int:
    summary = (Message("system", session.summary),) if session.summary else ()
    return count_window_tokens((*summary, *kit.rows.turns.history(session.session_id, MOST_TURNS)))


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
    return " + ".join(money.format_cost(language, cost.micro, cost.currency) for cost in costs)


def _plan_lines(kit: Kit, event: Event, plan: Plan) -> list[str]:
    lines = left_lines(kit, event, plan)
    title = plan.titled(event.language)
    return ["", text(event.language, "plan-title", title=title), *lines] if lines else []


def _buttons(event: Event, newest: LastTurn | None) -> list[tuple[Button, ...]]:
    fresh = Button(text(event.language, "bot-button-new"), "new")
    every = Button(text(event.language, "session-all"), "sessions:0")
    kept = (every,) if event.is_private else ()
    if newest is None:
        return [kept] if kept else []
    total = Button(text(event.language, "bot-button-sum"), f"sum:{newest.turn_id}")
    return [(total,), (fresh, *kept)]


_SHOWN = 3
_MOST = 1000


async def new_session(kit: Kit, event: Event) -> None:
    """Begin a new session, in its own topic where the chat has topics. Raises ChatUnreachable."""
    may_begin = await kit.store.do(lambda: not _is_begun(kit, event) and not beyond(kit, event))
    thread_id = await begin_topic(kit, event) if may_begin else 0
    if not thread_id:
        await kit.show(event, lambda: fresh(kit, event))
        return

    def prepare() -> Sequence[QueuedMessage]:
        open_in_topic(kit, event, thread_id)
        made = said(text(event.language, "session-topic-made"))
        (told_here,) = letters(event, made)
        return kit.rows.outbox.put([told_here, _first_words(event, thread_id)])

    ending = kit.ending(event, UpdateState.ANSWERED)
    await kit.sender.deliver(prepare, ending, event.language)


def _is_begun(kit: Kit, event: Event) -> bool:
    """Return whether the answer was stored before a kill."""
    return event.is_resumed and bool(kit.rows.outbox.of_update(event.update_id))


def _first_words(event: Event, thread_id: int) -> OutgoingMessage:
    page = FormattedMessage(text(event.language, "session-topic-begun"))
    key = f"update:{event.update_id}:topic"
    return OutgoingMessage(key, event.chat_id, page, event.update_id, Target(thread_id))


def fresh(kit: Kit, event: Event) -> Screen:
    """Close the session, keep it, and open a new one; ask first where an old one has to go."""
    over = beyond(kit, event)
    if over:
        return _offer(kit, event, over)
    if kit.rows.sessions.open(event.place).touched_at is None:
        return _begun(kit, event, "bot-new-first")
    return _begun(kit, event, "bot-new" if event.is_private else "groups-new")


def _begun(kit: Kit, event: Event, key: str) -> Screen:
    """Open a new session, and say what of the choices made in the old one goes on."""
    new = kit.rows.sessions.renew(event.place)
    words = [text(event.language, key)]
    choices = chosen(kit, event, new)
    if choices:
        words.append(text(event.language, "bot-new-keeps", choices="; ".join(choices)))
    return said("\n\n".join(words))


def beyond(kit: Kit, event: Event) -> Sequence[Session]:
    """Return the sessions for which one more leaves no room in the person's plan, newest first.

    None where the open one was never used: it is as good as a new one. To be called within the
    store's work.
    """
    most = plan_for(kit, event).sessions
    if not most or not event.is_private or kit.rows.sessions.open(event.place).touched_at is None:
        return ()
    return kit.rows.session_list.of(event.place, most - 1, _MOST)


def _offer(kit: Kit, event: Event, over: Sequence[Session]) -> Screen:
    language, zone = event.language, zone_for(kit, event)
    most = plan_for(kit, event).sessions or 0
    lines = [text(language, "sessions-most", most=most, over=len(over))]
    for session in over[:_SHOWN]:
        at = i18n.format_moment(session.touched_at or kit.services.clock(), zone, language)
        lines.append(text(language, "session-oldest", title=titled(session, event), at=at))
    if len(over) > _SHOWN:
        lines.append(text(language, "session-further", more=len(over) - _SHOWN))
    sure = Button(
        text(language, "session-new-instead"),
        f"new-instead:{over[0].session_id}:{len(over)}",
        style="danger",
    )
    every = Button(text(language, "session-all"), "sessions:0")
    cancel = Button(text(language, "button-cancel"), "cancel")
    return said("\n".join(lines), (sure,), (every, cancel))


def instead(kit: Kit, event: Event) -> Screen:
    """Delete the sessions that were named, and begin a new one; others are named anew first."""
    over = beyond(kit, event)
    if over and (over[0].session_id, len(over)) != (number(event), number(event, 1)):
        return _offer(kit, event, over)
    # Renewed first: what is deleted may be what is open, and its choices go on.
    screen = _begun(kit, event, "bot-new-first")
    for session in over:
        kit.rows.session_list.delete(event.place, session.session_id)
    return screen


def clear_session(kit: Kit, event: Event) -> Screen:
    """Forget what was said in the session: it is deleted, and a new one begins."""
    old = kit.rows.sessions.open(event.place)
    screen = _begun(kit, event, "bot-clear")
    kit.rows.session_list.delete(event.place, old.session_id)
    return screen


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        commands={
            "sessions": told(list_sessions),
            "t": told(tokens),
            "tokens": told(tokens),
            "new": new_session,
            "clear": told(clear_session),
        },
        buttons={
            "sum": sum_up,
            "sessions": told(list_sessions),
            "session": _owned(session_card),
            "session-open": _owned(open_session),
            "session-name": _owned(rename_session),
            "session-file": _owned(file),
            "session-drop": _owned(ask_delete_session),
            "session-drop-yes": _owned(delete_session),
            "new": told(lambda kit, event: replace(fresh(kit, event), is_new=True)),
            "new-instead": told(instead),
        },
        steps={NAMING: told(session_named)},
    )
