"""Sessions: /sessions lists a person's talks, to be opened, named, taken along or deleted.

list -> card -> open | rename (a step) | file | delete (asked twice)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import zone_for
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.topic import Handler, Topic, told
from merlin.bot.kit import Kit
from merlin.bot.leaves import LEAF, turning
from merlin.bot.screen import Screen, alert, said
from merlin.chat.dialog import Dialog
from merlin.chat.session import Session, title_of
from merlin.chat.transcript import as_json, markdown
from merlin.core import moment
from merlin.core.page import Attachment, Button, Page
from merlin.core.text import text

NAMING = "session-name"
_FIRST_WORDS = 200


def listed(kit: Kit, event: Event) -> Screen:
    """Show a page of the sessions, the newest used first."""
    return _page(kit, event, number(event))


def _page(kit: Kit, event: Event, wanted: int) -> Screen:
    count = kit.rows.session_list.count(event.place)
    if not count:
        return said(text(event.language, "sessions-none"))
    pages = -(-count // LEAF)
    page = min(wanted, pages - 1)
    found = kit.rows.session_list.of(event.place, page * LEAF, LEAF)
    buttons = [(_entry(kit, event, each),) for each in found]
    words = text(event.language, "sessions-list", count=count, page=page + 1, pages=pages)
    return said(words, *buttons, *turning("sessions", page, count))


def _entry(kit: Kit, event: Event, session: Session) -> Button:
    when = ""
    if session.touched_at is not None:
        when = f" · {moment.brief(session.touched_at, zone_for(kit, event), event.language)}"
    mark = "▸ " if session.is_open else ""
    return Button(f"{mark}{titled(session, event)}{when}", f"session:{session.session_id}")


def titled(session: Session, event: Event) -> str:
    """Return a session's title, a word for one that has none."""
    return session.title or text(event.language, "session-untitled")


def own(kit: Kit, event: Event) -> Session | None:
    """Return the session that a button names, None where it is not this person's.

    To be called within the store's work.
    """
    found = kit.rows.session_list.find(event.place, number(event))
    return found if found is not None and found.user_id == event.user_id else None


def _owned(show: Callable[[Kit, Event, Session], Screen]) -> Handler:
    """Return the handler that shows a session to the person whose it is, and to nobody else."""

    def act(kit: Kit, event: Event) -> Screen:
        session = own(kit, event)
        if session is None:
            return alert(text(event.language, "session-not-yours"), is_loud=True)
        return show(kit, event, session)

    return told(act)


def card(kit: Kit, event: Event, session: Session) -> Screen:
    """Show one session with what can be done with it."""
    if event.dialog is not None and event.dialog.step == NAMING:
        kit.rows.dialogs.end(event.chat_id, event.user_id)
    return _card(kit, event, session)


def _card(kit: Kit, event: Event, session: Session) -> Screen:
    language, number_ = event.language, session.session_id
    lines = [text(language, "session-card", title=titled(session, event))]
    if session.touched_at is not None:
        at = moment.told(session.touched_at, zone_for(kit, event), language)
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


def open_(kit: Kit, event: Event, session: Session) -> Screen:
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


def rename(kit: Kit, event: Event, session: Session) -> Screen:
    """Ask for a new name."""
    waits = Dialog(NAMING, {"session": session.session_id})
    kit.wait(event, waits)
    return _asks_name(event, session)


def _asks_name(event: Event, session: Session) -> Screen:
    back = Button(text(event.language, "button-back"), f"session:{session.session_id}")
    cancel = Button(text(event.language, "button-cancel"), "cancel")
    words = text(event.language, "session-ask-name", title=titled(session, event))
    return said(words, (back, cancel))


def named(kit: Kit, event: Event) -> Screen:
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
        kind, content = "json", as_json(session, passages)
    else:
        when = partial(moment.told, zone=zone_for(kit, event), language=event.language)
        asker = text(event.language, "session-you")
        kind, content = "md", markdown(session, passages, asker, when)
    name = f"merlin-{session.session_id}.{kind}"
    page = Page(titled(session, event), file=Attachment(name, content.encode()))
    return Screen(page, is_new=True)


def ask_delete(_kit: Kit, event: Event, session: Session) -> Screen:
    """Ask whether it is meant."""
    sure = Button(
        text(event.language, "session-delete"),
        f"session-drop-yes:{session.session_id}",
        style="danger",
    )
    keep = Button(text(event.language, "session-keep"), f"session:{session.session_id}")
    words = text(event.language, "session-ask-delete", title=titled(session, event))
    return said(words, (sure, keep))


def delete(kit: Kit, event: Event, session: Session) -> Screen:
    """Delete a session with all that was said in it."""
    kit.rows.session_list.delete(event.place, session.session_id)
    words = text(event.language, "session-deleted", title=titled(session, event))
    return replace(_page(kit, event, 0), alert=words)


TOPIC = Topic(
    commands={"sessions": told(listed)},
    buttons={
        "sessions": told(listed),
        "session": _owned(card),
        "session-open": _owned(open_),
        "session-name": _owned(rename),
        "session-file": _owned(file),
        "session-drop": _owned(ask_delete),
        "session-drop-yes": _owned(delete),
    },
    steps={NAMING: told(named)},
    menu=("sessions", "clear"),
)
