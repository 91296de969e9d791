"""Summing: a session is told in a few words, and goes on in a new one that knows them.

    pressed -> reserved -> asked and checked -> new session and message stored -> sent

After a kill the model is asked again unless the message was stored; the new session is stored by
the same transaction, so there is one for a press.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from merlin.bot import offers
from merlin.bot.action import Typing
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import note_cost, reserve, settle
from merlin.bot.handlers.answer.asked_again import own_turn
from merlin.bot.handlers.answer.asking import dataset_of, window_of
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit, letters
from merlin.bot.screen import Screen, alert, said
from merlin.chat.desk import Onlooker
from merlin.chat.reply import Reply
from merlin.chat.route import Choice, Wish, choices, first_choice
from merlin.chat.session import Session
from merlin.chat.summing import Summing
from merlin.chat.transcript import SUMMARY
from merlin.chat.turn import Question, Written
from merlin.chat.window import MOST_TURNS
from merlin.core.message import Message, Usage
from merlin.core.page import Button, Mark, Page
from merlin.core.text import text
from merlin.core.utf16 import units
from merlin.inbox.outgoing import Outgoing
from merlin.inbox.update import UpdateState

# The rest is for the task, for what is known so far and for the summary.
_ROOM_SHARE = 2


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be summed up, by which models, and how much of it they take at once."""

    session: Session
    history: Sequence[Message]
    wish: Wish
    first: Choice | None
    room_tokens: int


async def sum_up(kit: Kit, event: Event) -> None:
    """Sum up the session that a button names, and go on in a new one. Raises Unreachable."""
    task = await kit.store.do(lambda: _open(kit, event))
    if isinstance(task, Screen):
        await kit.show(event, lambda: task)
        return
    if not event.is_resumed:
        working = {"callback_query_id": event.query_id, "text": text(event.language, "sum-working")}
        await kit.calls.answer("answerCallbackQuery", working)
    async with Typing(kit.calls, event.place, kit.services.pace.typing_s) as typing:
        summing = Summing(lambda asked: _ask(kit, task, asked, typing), event.language)
        summary = await summing.of(task.history, task.session.summary, task.room_tokens)

    def prepare() -> Sequence[Outgoing]:
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
        rows = offers.offered(refusal.offer, 0, event.language)
        return Screen(Page(refusal.note, buttons=rows), is_new=True)
    return _task(kit, event, session)


def _session_of(kit: Kit, event: Event, session_id: int) -> Session | None:
    return kit.rows.session_list.find(event.place, session_id)


def _task(kit: Kit, event: Event, session: Session) -> _Task:
    services = kit.services
    wish = Wish(
        dataset=None,
        chosen=None,
        general=services.general,
        system=text(event.language, "sum-system"),
        assistant=services.assistant,
    )
    first = first_choice(kit.rows.shelf, wish)
    return _Task(
        session,
        kit.rows.turns.history(session.session_id, MOST_TURNS),
        wish,
        first,
        window_of(kit, first) // _ROOM_SHARE,
    )


async def _ask(kit: Kit, task: _Task, asked: Message, onlooker: Onlooker) -> Reply:
    route = choices(kit.rows.shelf, kit.store.read, task.wish, task.first)
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
    mark = Mark("expandable_blockquote", units(head) + 2, units(summary))
    back = Button(text(event.language, "sum-back"), f"session-open:{old.session_id}")
    # A group opens no earlier session again.
    rows = ((back,),) if event.is_private else ()
    return Screen(Page(f"{head}\n\n{summary}\n\n{tail}", (mark,), rows), is_new=True)


def _account(
    kit: Kit, event: Event, old: Session, replies: Sequence[Reply], *, is_done: bool
) -> None:
    """Charge the question, and keep what the models took for it as a turn without words."""
    settle(kit, event, Written(answer=SUMMARY if is_done else ""))
    last = next((each for each in reversed(replies) if each.choice), None)
    if last is None or last.choice is None:
        return
    known = kit.services.known
    costs = [known.cost(last.choice, last.model_id, each.usage) for each in replies]
    written = Written(
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


TOPIC = Topic(buttons={"sum": sum_up})
