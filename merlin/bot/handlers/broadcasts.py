"""One text to everybody, seen before it is sent, asked twice, stopped any time.

list -> text (a step) -> preview -> to whom -> sure -> running (stop) -> report
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from merlin.app.broadcasts import Broadcast, Broadcasts, BroadcastState
from merlin.app.inbox import Dialog
from merlin.bot import menu
from merlin.bot.context import Act, BotApplication, BotContext, add_handlers
from merlin.bot.entities import PART_UNITS
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import add_admin_handlers, require_role, to_admin_home
from merlin.bot.markdown import render
from merlin.bot.menu import View
from merlin.bot.outbox import report
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import Button, FormattedMessage, utf16_length
from merlin.core.i18n import LANGUAGES
from merlin.core.permissions import Permission
from merlin.db.audit import Audit

WRITING = f"{admin.STEP}cast"
_SHOWN = 8
_FIRST_WORDS = 30
EVERYBODY = "all"


def listed(context: BotContext) -> View:
    """Show the broadcasts that were begun."""
    casts = Broadcasts(context.db, context.bot_id, context.language).newest(_SHOWN)
    entries = [(Button(_entry(each), f"a-cast:{each.broadcast_id}"),) for each in casts]
    new = menu.button(context, "cast-new", "a-cast-new", "primary")
    title = context.translate("admin-broadcast")
    words = context.translate("cast-list" if casts else "cast-none")
    return menu.card(title, words, rows=[*entries, (new,), to_admin_home(context)])


def _entry(cast: Broadcast) -> str:
    sign = {BroadcastState.RUNNING: "▶️", BroadcastState.STOPPED: "⏹"}.get(cast.state, "✅")
    words = " ".join(cast.text.split())
    cut = words if len(words) <= _FIRST_WORDS else f"{words[:_FIRST_WORDS]}…"
    return f"{sign} {cast.broadcast_id} · {cut}"


def write(context: BotContext) -> View:
    """Ask for the text."""
    context.wait(Dialog(WRITING))
    return menu.form(context, context.translate("cast-ask-text"), "a-casts")


def written(context: BotContext) -> View:
    """Keep the text that was written and show how it will look."""
    page = render(context.text)
    if not page.text.strip():
        return menu.form(context, context.translate("cast-ask-text"), "a-casts")
    if utf16_length(page.text) > PART_UNITS:
        words = context.translate("cast-too-long", most=PART_UNITS)
        return menu.form(context, words, "a-casts")
    context.stop_waiting()
    number_ = Broadcasts(context.db, context.bot_id, context.language).draft(
        context.user_id, context.text
    )
    return _preview(context, number_, page)


def _preview(context: BotContext, number_: int, page: FormattedMessage) -> View:
    """Return the text as people will see it, with the choice of whom it goes to."""
    there = Broadcasts(context.db, context.bot_id, context.language).receivers()
    choices = [
        (EVERYBODY, sum(there.values())),
        *((name, there.get(name, 0)) for name in LANGUAGES),
    ]
    rows = [
        (
            Button(
                context.translate("cast-to", whom=name, count=count), f"a-cast-ask:{number_}:{name}"
            ),
        )
        for name, count in choices
        if count
    ]
    again = menu.button(context, "cast-again", "a-cast-new")
    no = menu.button(context, "button-cancel", "a-casts")
    return View(replace(page, buttons=(*rows, (again, no))))


def _draft(context: BotContext) -> Broadcast:
    """Return the draft that a button names. Raises NotFound, Refused."""
    cast = _cast(context)
    if cast.state is not BroadcastState.DRAFT:
        raise Refused("begun already", "cast-begun")
    return cast


def _cast(context: BotContext) -> Broadcast:
    cast = Broadcasts(context.db, context.bot_id, context.language).get(context.number())
    if cast is None:
        raise NotFound("no such broadcast", "bot-button-old")
    return cast


def _language(context: BotContext) -> str:
    """Return whom a button means: a language, "" for everybody. Raises NotFound."""
    word = context.argument(1)
    if word not in {EVERYBODY, *LANGUAGES}:
        raise NotFound("no such language", "bot-button-old")
    return "" if word == EVERYBODY else word


def ask_send(context: BotContext) -> View:
    """Ask whether it is to be sent; the preview stays above."""
    cast, language = _draft(context), _language(context)
    there = Broadcasts(context.db, context.bot_id, context.language).receivers()
    count = there.get(language, 0) if language else sum(there.values())
    words = context.translate("cast-ask-send", count=count)
    data = f"a-cast-yes:{cast.broadcast_id}:{language or EVERYBODY}"
    yes = menu.button(context, "cast-send", data)
    return replace(menu.confirm(context, words, yes, "a-casts"), is_new=True)


def send(context: BotContext) -> View:
    """Begin to send."""
    cast, language = _draft(context), _language(context)
    if not Broadcasts(context.db, context.bot_id, context.language).start(
        cast.broadcast_id, language
    ):
        raise Refused("nobody", "cast-nobody")
    told = {"language": language or EVERYBODY}
    target = f"broadcast:{cast.broadcast_id}"
    Audit(context.db).note(admin.by(context), "broadcast.start", target, told)
    return progress_screen(context)


def progress_screen(context: BotContext) -> View:
    """Show how far a broadcast is."""
    cast = _cast(context)
    done = Broadcasts(context.db, context.bot_id, context.language).delivered(cast.broadcast_id)
    stop = menu.button(context, "cast-stop", f"a-cast-stop:{cast.broadcast_id}", "danger")
    refresh = menu.button(context, "admin-refresh", f"a-cast:{cast.broadcast_id}")
    runs = cast.state is BroadcastState.RUNNING
    title = context.translate("admin-broadcast")
    words = report(cast, done, context.language)
    rows = [(refresh, stop) if runs else (), menu.back(context, "a-casts")]
    return menu.card(title, words, rows=rows)


async def watched(context: BotContext) -> None:
    """Show how far a broadcast is, and keep that up to date for a while."""
    await _show_and_follow(context, progress_screen)


async def sent(context: BotContext) -> None:
    """Begin to send, and show how far it is."""
    await _show_and_follow(context, send)


async def _show_and_follow(context: BotContext, act: Act) -> None:
    seen: list[View] = []

    def keep(context: BotContext) -> View:
        seen.append(act(context))
        return seen[-1]

    await context.show(lambda: require_role(Permission.BROADCAST, keep)(context))
    page = seen[-1].page if seen else None
    if page is not None:
        context.bot_data.watches.add(
            context.chat_id, context.message_id, partial(_look, context), page
        )


def _look(context: BotContext) -> tuple[FormattedMessage, bool] | None:
    if not admin.authority(context).may(Permission.BROADCAST):
        return None
    page = progress_screen(context).page
    is_open = _cast(context).state is BroadcastState.RUNNING
    return None if page is None else (page, is_open)


def ask_stop(context: BotContext) -> View:
    """Ask whether it is to be stopped."""
    cast = _cast(context)
    yes = menu.button(context, "cast-stop", f"a-cast-stop-yes:{cast.broadcast_id}")
    words = context.translate("cast-ask-stop", number=cast.broadcast_id)
    return menu.confirm(context, words, yes, f"a-cast:{cast.broadcast_id}")


def stop(context: BotContext) -> View:
    """Send no more of it."""
    cast = _cast(context)
    if Broadcasts(context.db, context.bot_id, context.language).stop(cast.broadcast_id):
        target = f"broadcast:{cast.broadcast_id}"
        Audit(context.db).note(admin.by(context), "broadcast.stop", target)
    return progress_screen(context)


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    buttons = {
        "a-casts": listed,
        "a-cast-new": write,
        "a-cast-ask": ask_send,
        "a-cast-stop": ask_stop,
        "a-cast-stop-yes": stop,
    }
    add_admin_handlers(application, Permission.BROADCAST, buttons, {WRITING: written})
    add_handlers(application, buttons={"a-cast": watched, "a-cast-yes": sent})
