"""Renewal: /new and /clear, and what /new says where the plan keeps no more sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import plan_for, zone_for
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.talk.sessions import titled
from merlin.bot.handlers.talk.threads import begin_topic, open_in_topic
from merlin.bot.handlers.talk.under import chosen
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit, letters
from merlin.bot.screen import Screen, said
from merlin.chat.session import Session
from merlin.core import moment
from merlin.core.page import Button, Page
from merlin.core.text import text
from merlin.inbox.outgoing import Letter, Outgoing, Spot
from merlin.inbox.update import UpdateState

_SHOWN = 3
_MOST = 1000


async def new(kit: Kit, event: Event) -> None:
    """Begin a new session, in a topic of its own where the chat has topics. Raises Unreachable."""
    may_begin = await kit.store.do(lambda: not _is_begun(kit, event) and not beyond(kit, event))
    thread_id = await begin_topic(kit, event) if may_begin else 0
    if not thread_id:
        await kit.show(event, lambda: fresh(kit, event))
        return

    def prepare() -> Sequence[Outgoing]:
        open_in_topic(kit, event, thread_id)
        made = said(text(event.language, "session-topic-made"))
        (told_here,) = letters(event, made)
        return kit.rows.outbox.put([told_here, _first_words(event, thread_id)])

    ending = kit.ending(event, UpdateState.ANSWERED)
    await kit.sender.deliver(prepare, ending, event.language)


def _is_begun(kit: Kit, event: Event) -> bool:
    """Return whether the answer was stored before a kill."""
    return event.is_resumed and bool(kit.rows.outbox.of_update(event.update_id))


def _first_words(event: Event, thread_id: int) -> Letter:
    page = Page(text(event.language, "session-topic-begun"))
    key = f"update:{event.update_id}:topic"
    return Letter(key, event.chat_id, page, event.update_id, Spot(thread_id))


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
        at = moment.told(session.touched_at or kit.services.clock(), zone, language)
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


def clear(kit: Kit, event: Event) -> Screen:
    """Forget what was said in the session: it is deleted, and a new one begins."""
    old = kit.rows.sessions.open(event.place)
    screen = _begun(kit, event, "bot-clear")
    kit.rows.session_list.delete(event.place, old.session_id)
    return screen


TOPIC = Topic(
    commands={"new": new, "clear": told(clear)},
    buttons={
        "new": told(lambda kit, event: replace(fresh(kit, event), is_new=True)),
        "new-instead": told(instead),
    },
    menu=("new",),
    group_menu=("new",),
)
