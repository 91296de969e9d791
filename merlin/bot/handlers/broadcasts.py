"""One text to everybody, seen before it is sent, asked twice, stopped any time.

list -> text (a step) -> preview -> to whom -> sure -> running (stop) -> report
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from merlin.app.broadcasts import Broadcast, BroadcastState
from merlin.app.dialogs import Dialog
from merlin.bot.context import Act, BotApplication, Event, Kit, add_handlers
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import guarded, to_admin_home
from merlin.bot.handlers.questions import number
from merlin.bot.markdown.entities import PART_UNITS
from merlin.bot.markdown.render import render
from merlin.bot.menu import Screen
from merlin.bot.outbox import report
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import Button, FormattedMessage, utf16_length
from merlin.core.i18n import LANGUAGES, text
from merlin.core.permissions import Permission

WRITING = f"{admin.STEP}cast"
_SHOWN = 8
_FIRST_WORDS = 30
EVERYBODY = "all"


def listed(kit: Kit, event: Event) -> Screen:
    """Show the broadcasts that were begun."""
    casts = kit.rows.outreach.broadcasts.newest(_SHOWN)
    entries = [(Button(_entry(each), f"a-cast:{each.broadcast_id}"),) for each in casts]
    new = admin.button(event, "cast-new", "a-cast-new", "primary")
    title = text(event.language, "admin-broadcast")
    words = text(event.language, "cast-list" if casts else "cast-none")
    return admin.panel_screen(title, words, rows=[*entries, (new,), to_admin_home(event)])


def _entry(cast: Broadcast) -> str:
    sign = {BroadcastState.RUNNING: "▶️", BroadcastState.STOPPED: "⏹"}.get(cast.state, "✅")
    words = " ".join(cast.text.split())
    cut = words if len(words) <= _FIRST_WORDS else f"{words[:_FIRST_WORDS]}…"
    return f"{sign} {cast.broadcast_id} · {cut}"


def write(kit: Kit, event: Event) -> Screen:
    """Ask for the text."""
    kit.wait(event, Dialog(WRITING))
    return admin.waits_for(event, text(event.language, "cast-ask-text"), "a-casts")


def written(kit: Kit, event: Event) -> Screen:
    """Keep the text that was written and show how it will look."""
    page = render(event.text)
    if not page.text.strip():
        return admin.waits_for(event, text(event.language, "cast-ask-text"), "a-casts")
    if utf16_length(page.text) > PART_UNITS:
        words = text(event.language, "cast-too-long", most=PART_UNITS)
        return admin.waits_for(event, words, "a-casts")
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    number_ = kit.rows.outreach.broadcasts.draft(event.user_id, event.text)
    return _preview(kit, event, number_, page)


def _preview(kit: Kit, event: Event, number_: int, page: FormattedMessage) -> Screen:
    """Return the text as people will see it, with the choice of whom it goes to."""
    there = kit.rows.outreach.broadcasts.receivers()
    choices = [
        (EVERYBODY, sum(there.values())),
        *((name, there.get(name, 0)) for name in LANGUAGES),
    ]
    rows = [
        (
            Button(
                text(event.language, "cast-to", whom=name, count=count),
                f"a-cast-ask:{number_}:{name}",
            ),
        )
        for name, count in choices
        if count
    ]
    again = admin.button(event, "cast-again", "a-cast-new")
    no = admin.button(event, "button-cancel", "a-casts")
    return Screen(replace(page, buttons=(*rows, (again, no))))


def _draft(kit: Kit, event: Event) -> Broadcast:
    """Return the draft that a button names. Raises NotFound, Refused."""
    cast = _cast(kit, event)
    if cast.state is not BroadcastState.DRAFT:
        raise Refused("begun already", "cast-begun")
    return cast


def _cast(kit: Kit, event: Event) -> Broadcast:
    cast = kit.rows.outreach.broadcasts.get(number(event))
    if cast is None:
        raise NotFound("no such broadcast", "bot-button-old")
    return cast


def _language(event: Event) -> str:
    """Return whom a button means: a language, "" for everybody. Raises NotFound."""
    word = "".join(event.args[1:2])
    if word not in {EVERYBODY, *LANGUAGES}:
        raise NotFound("no such language", "bot-button-old")
    return "" if word == EVERYBODY else word


def ask_send(kit: Kit, event: Event) -> Screen:
    """Ask whether it is to be sent; the preview stays above."""
    cast, language = _draft(kit, event), _language(event)
    there = kit.rows.outreach.broadcasts.receivers()
    count = there.get(language, 0) if language else sum(there.values())
    words = text(event.language, "cast-ask-send", count=count)
    data = f"a-cast-yes:{cast.broadcast_id}:{language or EVERYBODY}"
    yes = admin.button(event, "cast-send", data)
    return replace(admin.asks(event, words, yes, "a-casts"), is_new=True)


def send(kit: Kit, event: Event) -> Screen:
    """Begin to send."""
    cast, language = _draft(kit, event), _language(event)
    if not kit.rows.outreach.broadcasts.start(cast.broadcast_id, language):
        raise Refused("nobody", "cast-nobody")
    told = {"language": language or EVERYBODY}
    target = f"broadcast:{cast.broadcast_id}"
    kit.rows.audit.note(admin.by(event), "broadcast.start", target, told)
    return shown(kit, event)


def shown(kit: Kit, event: Event) -> Screen:
    """Show how far a broadcast is."""
    cast = _cast(kit, event)
    done = kit.rows.outreach.deliveries.delivered(cast.broadcast_id)
    stop = admin.button(event, "cast-stop", f"a-cast-stop:{cast.broadcast_id}", "danger")
    refresh = admin.button(event, "admin-refresh", f"a-cast:{cast.broadcast_id}")
    runs = cast.state is BroadcastState.RUNNING
    title = text(event.language, "admin-broadcast")
    words = report(cast, done, event.language)
    rows = [(refresh, stop) if runs else (), admin.back(event, "a-casts")]
    return admin.panel_screen(title, words, rows=rows)


async def watched(kit: Kit, event: Event) -> None:
    """Show how far a broadcast is, and keep that up to date for a while."""
    await _kept(kit, event, shown)


async def sent(kit: Kit, event: Event) -> None:
    """Begin to send, and show how far it is."""
    await _kept(kit, event, send)


async def _kept(kit: Kit, event: Event, act: Act) -> None:
    seen: list[Screen] = []

    def keep(kit: Kit, event: Event) -> Screen:
        seen.append(act(kit, event))
        return seen[-1]

    await guarded(Permission.BROADCAST, keep)(kit, event)
    page = seen[-1].page if seen else None
    if page is not None:
        kit.watches.add(event.chat_id, event.message_id, partial(_look, kit, event), page)


def _look(kit: Kit, event: Event) -> tuple[FormattedMessage, bool] | None:
    if not admin.standing(kit, event).may(Permission.BROADCAST):
        return None
    page = shown(kit, event).page
    is_open = _cast(kit, event).state is BroadcastState.RUNNING
    return None if page is None else (page, is_open)


def ask_stop(kit: Kit, event: Event) -> Screen:
    """Ask whether it is to be stopped."""
    cast = _cast(kit, event)
    yes = admin.button(event, "cast-stop", f"a-cast-stop-yes:{cast.broadcast_id}")
    words = text(event.language, "cast-ask-stop", number=cast.broadcast_id)
    return admin.asks(event, words, yes, f"a-cast:{cast.broadcast_id}")


def stop(kit: Kit, event: Event) -> Screen:
    """Send no more of it."""
    cast = _cast(kit, event)
    if kit.rows.outreach.broadcasts.stop(cast.broadcast_id):
        target = f"broadcast:{cast.broadcast_id}"
        kit.rows.audit.note(admin.by(event), "broadcast.stop", target)
    return shown(kit, event)


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        buttons={
            "a-casts": guarded(Permission.BROADCAST, listed),
            "a-cast": watched,
            "a-cast-new": guarded(Permission.BROADCAST, write),
            "a-cast-ask": guarded(Permission.BROADCAST, ask_send),
            "a-cast-yes": sent,
            "a-cast-stop": guarded(Permission.BROADCAST, ask_stop),
            "a-cast-stop-yes": guarded(Permission.BROADCAST, stop),
        },
        steps={WRITING: guarded(Permission.BROADCAST, written)},
    )
