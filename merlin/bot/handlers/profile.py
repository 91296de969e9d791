"""A user's settings (/lang: also time zone, plain messages), /export, /delete_me, /paysupport.

    /delete_me -> what would be deleted -> confirmation -> erased, and confirmed

The erasure leaves no rows, so the row of its own update is deleted last, and the final message is
sent without the outbox, by an edit that may be repeated. After a crash the update is still in the
inbox, and the erasure runs again.

/paysupport sends the admins a question about a payment: Telegram's terms require every bot that
takes payments to answer this command.
"""

import gzip
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import cache
from zoneinfo import available_timezones

from telegram.error import BadRequest

from merlin.account.users import Users
from merlin.app import accounts
from merlin.app.outbox import OutgoingMessage
from merlin.app.subscriptions import stop_renewals
from merlin.billing.purchases import Purchases
from merlin.bot import menu
from merlin.bot.bot_api import ChatUnreachable
from merlin.bot.context import BotContext, Use
from merlin.bot.handlers.admin import page_button
from merlin.bot.handlers.orders import order_line
from merlin.bot.menu import View
from merlin.bot.registry import Handlers
from merlin.core import i18n
from merlin.core.clock import zone_of
from merlin.core.formatted_text import (
    Attachment,
    FormattedMessage,
    in_entity,
    is_blank,
    join_pages,
    utf16_length,
)
from merlin.core.i18n import LANGUAGES, language_of, text
from merlin.core.killpoint import kill_point
from merlin.db.audit import Audit, person_reference

handlers = Handlers()
ZONE_STEP = "zone"
_CLIENT_LANGUAGE = "auto"


@handlers.command("lang", use=Use.BY_LINK)
def list_languages(context: BotContext) -> View:
    """List the languages, with buttons for the time zones and for plain messages."""
    chosen = context.user.language
    client = context.translate("lang-client")
    buttons = [
        menu.choice_button(
            text(language, "lang-name"),
            f"lang:{language}",
            is_chosen=chosen == language,
        )
        for language in LANGUAGES
    ]
    client_choice = menu.choice_button(
        client, f"lang:{_CLIENT_LANGUAGE}", is_chosen=chosen is None
    )
    now = _now(context, context.user.zone or context.services.config.timezone)
    is_plain = context.user.is_plain
    plain_choice = menu.choice_button(
        context.translate("plain-choose"),
        f"plain:{int(not is_plain)}",
        is_chosen=is_plain,
    )
    zone_button = ("zone-choose", "zone")
    return menu.text_view(
        context, "lang-ask", buttons, client_choice, zone_button, plain_choice, now=now
    )


def _now(context: BotContext, zone: str) -> str:
    return i18n.format_moment(context.services.clock(), zone_of(zone), context.language)


@handlers.button("lang")
def choose_language(context: BotContext) -> View:
    """Set the language of the button."""
    value = context.argument(0)
    if value not in {*LANGUAGES, _CLIENT_LANGUAGE}:
        return list_languages(context)
    chosen = None if value == _CLIENT_LANGUAGE else value
    Users(context.db).set_language(context.user_id, chosen)
    default = language_of(
        context.stored.language_code, context.services.config.language
    )
    user = replace(context.user, language=chosen)
    own_context = replace(context, language=chosen or default, user=user)
    return replace(
        list_languages(own_context), alert=own_context.translate("lang-saved")
    )


@handlers.button("plain")
def choose_plain(context: BotContext) -> View:
    """Turn plain messages on or off, as the button says."""
    is_plain = context.number() == 1
    Users(context.db).set_plain(context.user_id, is_plain=is_plain)
    chosen = replace(context, user=replace(context.user, is_plain=is_plain))
    alert = context.translate("plain-on" if is_plain else "plain-off")
    return replace(list_languages(chosen), alert=alert, is_loud=is_plain)


@handlers.button("zone")
def ask_zone(context: BotContext) -> View:
    """Ask for the name of the time zone."""
    return menu.form(context, "zone-ask", step=ZONE_STEP)


@handlers.step(ZONE_STEP)
def take_zone(context: BotContext) -> View:
    """Set the zone of the message, by its name or the name's last part, in any case."""
    named = context.text.strip().casefold().replace(" ", "_")
    zone = _zones_by_name().get(named)
    if zone is None:
        return menu.form(context, "zone-unknown")
    context.stop_waiting()
    users = Users(context.db, context.services.clock)
    users.set_zone(context.user_id, zone, context.services.config.timezone)
    return menu.text_view(context, "zone-saved", zone=zone, now=_now(context, zone))


@cache
def _zones_by_name() -> dict[str, str]:
    zones = sorted(available_timezones())
    by_city = {zone.rpartition("/")[2].casefold(): zone for zone in zones}
    return by_city | {zone.casefold(): zone for zone in zones}


# Bots may send 50 MB; the stored file is encrypted and encoded, which doubles its size.
MAX_BYTES = 20_000_000


@handlers.command("export", use=Use.BY_LINK | Use.IF_BLOCKED)
async def export(context: BotContext) -> None:
    """Send a file with all data that is stored about the user."""
    data = await context.store.read(lambda: accounts.export(*context.caller))
    content = json.dumps(data, ensure_ascii=False, indent=1, default=str).encode()
    name = f"merlin-{context.user_id}.json"
    if len(content) > MAX_BYTES:
        name = f"{name}.gz"
        content = gzip.compress(content, mtime=0)
    page = FormattedMessage(
        context.translate("my-data-export"), file=Attachment(name, content)
    )
    await context.show(lambda: View(page))


@handlers.command("delete_me", use=Use.BY_LINK | Use.IF_BLOCKED)
def delete_me(context: BotContext) -> View:
    """List what would be deleted and ask for confirmation."""
    lines = _count_lines(context, accounts.count_records(*context.caller))
    confirm_button = ("my-data-delete-yes", "forget:1")
    rows = "\n".join(lines)
    return menu.text_view(
        context, "my-data-delete", confirm_button, menu.CANCEL, rows=rows
    )


def _count_lines(context: BotContext, counts: Mapping[str, int]) -> list[str]:
    """Return a line for each kind of records."""
    return [
        f"• {context.translate('my-data-kind', kind=name)}: {count}"
        for name, count in accounts.list_record_kinds(counts)
    ]


@handlers.button("forget", use=Use.IN_ORDER | Use.IF_BLOCKED)
async def forget(context: BotContext) -> None:
    """Ask for confirmation, then erase everything."""
    if context.number() != 2:  # noqa: PLR2004 - the second time
        sure = ("my-data-delete-confirm-yes", "forget:2", "danger")
        await context.show(
            lambda: menu.text_view(context, "my-data-delete-confirm", sure, menu.CANCEL)
        )
    elif await context.store.do(
        lambda: stop_renewals(context.services, context.user_id)
    ):
        again = ("my-data-delete-confirm-yes", "forget:2", "danger")
        await context.show(
            lambda: menu.text_view(context, "my-data-renewal", again, menu.CANCEL)
        )
    else:
        await context.answer_press()
        kill_point("erase.before")
        rows, models = await context.store.do(
            lambda: accounts.erase(
                *context.caller, context.update_id, is_resumed=context.is_resumed
            )
        )
        kill_point("erase.after")
        lines = _count_lines(context, rows)
        parts = [
            context.translate(
                "my-data-deleted", rows="\n".join(lines), count=len(lines)
            )
        ]
        if models:
            arguments = {"count": len(models), "models": ", ".join(models)}
            parts.append(context.translate("consent-models", **arguments))
        page = FormattedMessage("\n\n".join(parts))
        # The data is erased even if the message cannot be sent.
        with suppress(ChatUnreachable, BadRequest):
            if not await context.bot_api.edit(
                context.chat_id, context.message_id, page
            ):
                await context.bot_api.send(context.chat_id, page)
        kill_point("erase.notified")
        await context.store.do(lambda: accounts.erase(*context.caller, is_resumed=True))


SUPPORT_STEP = "paysupport"
MAX_PER_DAY = 3
MAX_CHARACTERS = 2000
_QUESTION_ACTION = "paysupport.ask"
_DAY = timedelta(days=1)
# Enough of the newest audit entries to contain a day's maximum of requests.
_MAX_AUDIT_ENTRIES = 50
# The number of newest orders that are attached.
_MAX_PURCHASES = 3
handlers.step(SUPPORT_STEP)(lambda context: _send_to_admins(context, context.text))


@handlers.command("paysupport", use=Use.BY_LINK | Use.IF_BLOCKED)
def pay_support(context: BotContext) -> View:
    """Send the text after the command to the admins; ask for it if it is missing."""
    rest = context.text.split(maxsplit=1)[1:]
    if rest:
        return _send_to_admins(context, rest[0])
    return _refusal(context) or menu.form(context, "paysupport-ask", step=SUPPORT_STEP)


def _refusal(context: BotContext) -> View | None:
    """Return why the user cannot write now (the daily limit, or no admins), None if they can."""
    since = context.services.clock() - _DAY
    newest = Audit(context.db).list_newest(
        _MAX_AUDIT_ENTRIES, person_reference(context.user_id)
    )
    requests = [
        entry
        for entry in newest
        if entry.action == _QUESTION_ACTION and entry.at > since
    ]
    if len(requests) >= MAX_PER_DAY:
        return menu.text_view(context, "paysupport-too-many", most=MAX_PER_DAY)
    return (
        None
        if context.services.roles.admins()
        else menu.text_view(context, "paysupport-no-admins")
    )


def _send_to_admins(context: BotContext, text: str) -> View:
    if is_blank(text) or utf16_length(text.strip()) > MAX_CHARACTERS:
        return menu.form(
            context, "paysupport-bad", step=SUPPORT_STEP, most=MAX_CHARACTERS
        )
    context.stop_waiting()
    if refusal := _refusal(context):
        return refusal
    asker = person_reference(context.user_id)
    Audit(context.db).note(asker, _QUESTION_ACTION, asker)
    messages = [
        _support_message(context, admin, text.strip())
        for admin in context.services.roles.admins()
    ]
    context.outbox.put(messages)
    return menu.text_view(context, "paysupport-sent")


def _support_message(context: BotContext, admin: int, text: str) -> OutgoingMessage:
    """Return the text as an encrypted message: a notice would store it in plain text.

    The person's name opens the chat with them, in which they are answered.
    """
    reader = Users(context.db).get_or_new(admin)
    user_id = context.user_id
    language = reader.speaks(context.services.config.language)
    admin_context = replace(context, language=language, user=reader)
    parts = [
        FormattedMessage(
            admin_context.translate("paysupport-question", user=str(user_id))
        ),
        in_entity(
            "text_link", context.sender_name or str(user_id), f"tg://user?id={user_id}"
        ),
        FormattedMessage(text),
    ]
    buttons: menu.Rows = ()
    if purchases := Purchases(context.db).list_of_user(user_id, _MAX_PURCHASES):
        order_lines = (order_line(admin_context, purchase) for purchase in purchases)
        bought = [admin_context.translate("pay-bought"), *order_lines]
        parts.append(FormattedMessage("\n".join(bought)))
        label = admin_context.translate("pay-button-purchases")
        path = "/admin/billing?person="
        buttons = (page_button(context.services, label, f"{path}{user_id}"),)
    page = replace(join_pages(*parts), buttons=menu.buttons_of(admin_context, *buttons))
    return OutgoingMessage(f"paysupport:{context.update_id}:{admin}", admin, page)
