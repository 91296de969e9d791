"""/admin: a message to all users, with a preview, a confirmation and a stop button.

list -> text (a step) -> preview -> to whom -> sure -> running (stop, continue) -> report
"""

from dataclasses import replace
from functools import partial

from merlin.app import broadcasts
from merlin.app.broadcasts import EVERYBODY, Broadcast, BroadcastState, broadcasts_of
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import show_live
from merlin.bot.markdown import render
from merlin.bot.menu import View
from merlin.bot.outbox import broadcast_report
from merlin.bot.registry import Handlers
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import PART_UNITS, Button, shorten_text, utf16_length
from merlin.core.i18n import LANGUAGES
from merlin.core.permissions import Permission

handlers = Handlers(Permission.BROADCAST)
WRITING = "admin-cast"
_LIST = "a-casts"
_MAX_SHOWN = 8
_LABEL_LENGTH = 30
handlers.button("a-cast-new")(
    lambda context: menu.form(context, "broadcast-ask-text", _LIST, step=WRITING)
)


@handlers.button("a-casts")
def list_broadcasts(context: BotContext) -> View:
    """List the newest broadcasts."""
    signs, entries = {BroadcastState.RUNNING: "▶️", BroadcastState.STOPPED: "⏹"}, []
    for broadcast in broadcasts_of(context.services).list_started(_MAX_SHOWN):
        first_words = shorten_text(broadcast.text, _LABEL_LENGTH + 1)
        label = f"{signs.get(broadcast.state, '✅')} {broadcast.broadcast_id} · {first_words}"
        entries.append(Button(label, f"a-cast:{broadcast.broadcast_id}"))
    rows: menu.Rows = (*entries, ("broadcast-new", "a-cast-new", "primary"), admin.HOME)
    title = context.translate("admin-broadcast")
    key = "broadcast-list" if entries else "broadcast-none"
    return menu.card(context, title, context.translate(key), rows=rows)


@handlers.step(WRITING, files=True)
def take_text(context: BotContext) -> View:
    """Store the draft and show its preview with the possible audiences."""
    if context.attachment is not None:
        return menu.form(context, "broadcast-text-only", _LIST)
    page = render(context.text)
    if not page.text.strip():
        return menu.form(context, "broadcast-ask-text", _LIST)
    if utf16_length(page.text) > PART_UNITS:
        return menu.form(context, "broadcast-too-long", _LIST, most=PART_UNITS)
    context.stop_waiting()
    broadcast_id = broadcasts_of(context.services).draft(context.user_id, context.text)
    choices = [
        Button(
            context.translate("broadcast-to", whom=audience, count=count),
            f"a-cast-ask:{broadcast_id}:{audience}",
        )
        for audience in (EVERYBODY, *LANGUAGES)
        if (count := broadcasts_of(context.services).count_recipients(audience))
    ]
    other = (("broadcast-again", "a-cast-new"), ("button-cancel", _LIST))
    return View(replace(page, buttons=menu.buttons_of(context, *choices, other)))


def _draft(context: BotContext) -> tuple[Broadcast, str]:
    """Return the draft and the audience from the callback data. Raises NotFound, Refused."""
    broadcast, whom = _find_broadcast(context), context.argument(1)
    if broadcast.state is not BroadcastState.DRAFT:
        raise Refused("begun already", "broadcast-already-sent")
    if whom not in {EVERYBODY, *LANGUAGES}:
        raise NotFound("no such language", "bot-button-old")
    return broadcast, whom


def _find_broadcast(context: BotContext) -> Broadcast:
    broadcast = broadcasts_of(context.services).get(context.number())
    if broadcast is None:
        raise NotFound("no such broadcast", "bot-button-old")
    return broadcast


@handlers.button("a-cast-ask")
def ask_send(context: BotContext) -> View:
    """Ask for confirmation in a new message; the preview stays above."""
    broadcast, whom = _draft(context)
    count = broadcasts_of(context.services).count_recipients(whom)
    text = context.translate("broadcast-ask-send", count=count)
    view = menu.confirm(context, text, "broadcast-send", _LIST, broadcast.broadcast_id, whom)
    return replace(view, is_new=True)


def send(context: BotContext) -> View:
    """Start sending."""
    broadcast, whom = _draft(context)
    broadcasts.start(*context.caller, broadcast.broadcast_id, whom)
    return progress_screen(context)


def progress_screen(context: BotContext) -> View:
    """Show the progress of a broadcast."""
    broadcast = _find_broadcast(context)
    broadcast_id = broadcast.broadcast_id
    running = (
        ("admin-refresh", f"a-cast:{broadcast_id}"),
        ("broadcast-stop", f"a-cast-stop:{broadcast_id}", "danger"),
    )
    rows: menu.Rows = (menu.back(_LIST),)
    if broadcast.state is BroadcastState.RUNNING:
        rows = (running, *rows)
    elif broadcast.can_continue(context.services.clock()):
        rows = (("broadcast-continue", f"a-cast-continue-ask:{broadcast_id}", "primary"), *rows)
    message = broadcast_report(
        broadcast, broadcasts_of(context.services).count_deliveries(broadcast_id), context.language
    )
    return menu.card(context, context.translate("admin-broadcast"), message, rows=rows)


@handlers.button("a-cast-continue-ask")
def ask_continue(context: BotContext) -> View:
    """Ask for confirmation before a stopped broadcast goes on."""
    number = _find_broadcast(context).broadcast_id
    text = context.translate("broadcast-ask-continue", number=number)
    return menu.confirm(context, text, "broadcast-continue", f"a-cast:{number}", number)


def continue_(context: BotContext) -> View:
    """Go on sending a stopped broadcast to those who did not get it."""
    broadcast = _find_broadcast(context)
    if not broadcast.can_continue(context.services.clock()):
        raise Refused("not stopped", "broadcast-cannot-continue")
    broadcasts.start(*context.caller, broadcast.broadcast_id, broadcast.language or EVERYBODY)
    return progress_screen(context)


# The progress is refreshed for a while.
_watch = partial(show_live, permission=Permission.BROADCAST, rebuild=progress_screen)
handlers.button("a-cast")(partial(_watch, build_first=progress_screen))
handlers.button("a-cast-yes")(partial(_watch, build_first=send))
handlers.button("a-cast-continue-yes")(partial(_watch, build_first=continue_))


@handlers.button("a-cast-stop", twice=True)
def stop(context: BotContext) -> View:
    """Stop sending, after a confirmation."""
    broadcast_id = _find_broadcast(context).broadcast_id
    if not menu.is_confirmed(context):
        text = context.translate("broadcast-ask-stop", number=broadcast_id)
        return menu.confirm(context, text, "broadcast-stop", f"a-cast:{broadcast_id}", broadcast_id)
    broadcasts.stop(*context.caller, broadcast_id)
    return progress_screen(context)
