"""A person's own things: /lang and the time zone, /export and /delete_me, /paysupport.

    /delete_me -> what would go -> asked once more -> erased, and told

The erasure leaves no row behind, not even of itself: so its own update is the last row that goes,
and what is told in the end goes past the outbox, by an edit that may be repeated. A kill on the
way leaves the update waiting, and the erasure is done again.

By /paysupport a person writes to the admins about a payment: Telegram's terms ask every bot that
takes money to answer there.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from telegram.error import BadRequest

from merlin.account.users import Users
from merlin.app import accounts
from merlin.app.outbox import OutgoingMessage
from merlin.app.payment_worker import end_subscriptions
from merlin.billing.purchases import Purchases
from merlin.bot import menu
from merlin.bot.bot_api import ChatUnreachable, SendUnknown
from merlin.bot.context import BotContext
from merlin.bot.handlers.admin import performer
from merlin.bot.handlers.orders import order_line
from merlin.bot.menu import View
from merlin.bot.registry import AS_NEW_MESSAGE, Handlers
from merlin.bot.stars import with_stars
from merlin.core import i18n
from merlin.core.clock import is_zone, zone_of
from merlin.core.formatted_text import Attachment, FormattedMessage, button_rows
from merlin.core.i18n import LANGUAGES, language_of, text
from merlin.core.killpoint import kill_point
from merlin.core.permissions import Permission
from merlin.db.audit import Audit, person_reference

handlers = Handlers()
TYPING = "zone"
# Russia's zones from west to east; any other is typed.
ZONES = (
    "Europe/Kaliningrad",
    "Europe/Moscow",
    "Europe/Samara",
    "Asia/Yekaterinburg",
    "Asia/Omsk",
    "Asia/Novosibirsk",
    "Asia/Irkutsk",
    "Asia/Yakutsk",
    "Asia/Vladivostok",
    "Asia/Magadan",
    "Asia/Kamchatka",
)
_OF_CLIENT = "auto"
_COLUMNS = 2
handlers.button("zone-type")(
    lambda context: menu.form(context, "zone-ask-name", "zones", step=TYPING)
)


@handlers.command("lang")
def languages(context: BotContext) -> View:
    """Show the languages, and the way to the time zones."""
    chosen, client = context.user.language, context.translate("lang-client")
    buttons = [
        menu.choice(text(language, "lang-name"), f"lang:{language}", is_chosen=chosen == language)
        for language in LANGUAGES
    ]
    usual = menu.choice(client, f"lang:{_OF_CLIENT}", is_chosen=chosen is None)
    now = _now(context, context.user.zone or context.services.config.timezone)
    return menu.say(context, "lang-ask", buttons, usual, ("zone-choose", "zones"), now=now)


def _now(context: BotContext, zone: str) -> str:
    return i18n.format_moment(context.services.clock(), zone_of(zone), context.language)


@handlers.button("lang")
def choose_language(context: BotContext) -> View:
    """Keep the language of a button."""
    word = context.argument(0)
    if word not in {*LANGUAGES, _OF_CLIENT}:
        return languages(context)
    chosen = None if word == _OF_CLIENT else word
    accounts.set_language(*performer(context), chosen)
    default = language_of(context.stored.language_code, context.services.config.language)
    user = replace(context.user, language=chosen)
    there = replace(context, language=chosen or default, user=user)
    return replace(languages(there), alert=there.translate("lang-kept"))


@handlers.button("zones")
def zones(context: BotContext) -> View:
    """Show the zones that most people here live in."""
    if context.dialog is not None and context.dialog.step == TYPING:
        context.stop_waiting()
    buttons = [
        menu.choice(
            _city(zone, context.language), f"zone:{place}", is_chosen=context.user.zone == zone
        )
        for place, zone in enumerate(ZONES, 1)
    ]
    typed, rows = ("zone-type", "zone-type"), button_rows(buttons, _COLUMNS)
    return menu.say(context, "zone-ask", *rows, typed, menu.back("lang"))


def _city(zone: str, language: str) -> str:
    return text(language, f"zone-{zone.partition('/')[2].lower()}")


@handlers.button("zone")
def choose_zone(context: BotContext) -> View:
    """Keep the zone of a button."""
    for place, zone in enumerate(ZONES, 1):
        if (str(place),) == context.arguments:
            return _save_zone(context, zone)
    return menu.outdated(context)


@handlers.step(TYPING)
def zone_typed(context: BotContext) -> View:
    """Keep the zone that was written: one of ours by its city, else by its name in any case."""
    message = context.text.strip()
    low = message.casefold()
    ours = [
        zone
        for zone in ZONES
        if low in {_city(zone, language).casefold() for language in LANGUAGES}
    ]
    zone = next(iter(ours), message if is_zone(message) else message.title())
    if not is_zone(zone):
        return menu.form(context, "zone-unknown", "zones")
    context.stop_waiting()
    return _save_zone(context, zone)


def _save_zone(context: BotContext, zone: str) -> View:
    accounts.set_zone(*performer(context), zone)
    now = _now(context, zone)
    return menu.say(context, "zone-kept", menu.back("lang"), zone=zone, now=now)


# Telegram takes files of 50 MB from bots; sealed and coded, a file takes twice its size here.
MAX_BYTES = 20_000_000
# The tables whose rows mean something to people, in the order in which they are told of.
_LISTED = (
    *("turn", "chat_session", "rating", "proposal", "preset", "consent"),
    *("quota_use", "quota_gift", "role_grant", "change"),
)


@handlers.command("export")
async def export(context: BotContext) -> None:
    """Send one file with everything that the database keeps of the person."""
    if not context.is_private:
        await context.say(context.translate("my-data-private"))
        return
    kept = await context.store.read(lambda: accounts.export(*performer(context)))
    content = json.dumps(kept, ensure_ascii=False, indent=1, default=str).encode()
    name = f"merlin-{context.user_id}.json"
    if len(content) > MAX_BYTES:
        name, content = f"{name}.gz", gzip.compress(content, mtime=0)
    page = FormattedMessage(context.translate("my-data-export"), file=Attachment(name, content))
    await context.show(lambda: View(page))


@handlers.command("delete_me")
def delete_me(context: BotContext) -> View:
    """Tell what would be removed, and ask."""
    if not context.is_private:
        return menu.say(context, "my-data-private")
    lines = _table(context, accounts.count_records(*performer(context)))
    go_on, rows = ("my-data-go-on", "forget:1"), "\n".join(lines)
    return menu.say(context, "my-data-delete", go_on, menu.CANCEL, rows=rows)


def _table(context: BotContext, counts: Mapping[str, int]) -> list[str]:
    """Return a line for each kind of rows, and one for those that mean nothing to people."""
    other = sum(count for name, count in counts.items() if name not in _LISTED)
    shown = [(name, counts[name]) for name in _LISTED if counts.get(name)]
    kinds = [*shown, *([("other", other)] if other else [])]
    return [f"• {context.translate('my-data-kind', kind=name)}: {count}" for name, count in kinds]


@handlers.button("forget")
async def forget(context: BotContext) -> None:
    """Ask once more, then erase everything."""
    if not context.is_private:
        await context.show(lambda: menu.alert(context.translate("my-data-private")))
    elif context.number() != 2:  # noqa: PLR2004 - the second time
        sure = ("my-data-sure", "forget:2", "danger")
        await context.show(lambda: menu.say(context, "my-data-surely", sure, menu.CANCEL))
    else:
        await _erase(context)


async def _erase(context: BotContext) -> None:
    await context.calls.answer("answerCallbackQuery", {"callback_query_id": context.query_id})
    kill_point("erase.before")
    await end_subscriptions(with_stars(context.services, context.calls), context.user_id)
    rows, models = await context.store.do(
        lambda: accounts.erase(
            *performer(context), context.update_id, is_resumed=context.is_resumed
        )
    )
    kill_point("erase.after")
    lines = _table(context, rows)
    words = [context.translate("my-data-deleted", rows="\n".join(lines), count=len(lines))]
    if models:
        named = {"count": len(models), "models": ", ".join(models)}
        words.append(context.translate("consent-models", **named))
    page = FormattedMessage("\n\n".join(words))
    # Who cannot be told is erased all the same.
    with suppress(ChatUnreachable, SendUnknown, BadRequest):
        if not await context.calls.edit(context.chat_id, context.message_id, page):
            await context.calls.send(context.chat_id, page)
    kill_point("erase.told")
    await context.store.do(lambda: accounts.erase(*performer(context), is_resumed=True))


STEP = "paysupport"
ANSWER_STEP = "paysupport-answer"
MAX_PER_DAY = 3
MAX_CHARACTERS = 2000
_ASKED = "paysupport.ask"
_ANSWERED = "paysupport.answer"
_DAY = timedelta(days=1)
# Enough of the newest entries to see three of one day among them.
_LOOK_BACK = 50
# So many of the newest orders go along.
_PURCHASES = 3
handlers.step(STEP)(lambda context: _hand_over(context, context.text))


@handlers.command("paysupport")
def pay_support(context: BotContext) -> View:
    """Hand over what stands behind the command; without words ask for them."""
    rest = context.text.split(maxsplit=1)[1:]
    if rest and not context.verb:
        return _hand_over(context, rest[0])
    refusal = _refusal(context)
    if refusal is not None:
        return refusal
    return menu.form(context, "paysupport-ask", step=STEP)


def _refusal(context: BotContext) -> View | None:
    """Return why the person cannot write now: often enough today, or to nobody; None: they can."""
    since = context.services.clock() - _DAY
    newest = Audit(context.db).newest(_LOOK_BACK, person_reference(context.user_id))
    requests = [entry for entry in newest if entry.action == _ASKED and entry.at > since]
    if len(requests) >= MAX_PER_DAY:
        return menu.say(context, "paysupport-enough", most=MAX_PER_DAY)
    return None if context.services.roles.admins() else menu.say(context, "paysupport-nobody")


def _hand_over(context: BotContext, message: str) -> View:
    if not _is_good(message):
        return menu.form(context, "paysupport-bad", most=MAX_CHARACTERS)
    context.stop_waiting()
    refusal, asker = _refusal(context), person_reference(context.user_id)
    if refusal is not None:
        return refusal
    Audit(context.db).note(asker, _ASKED, asker)
    letters = [
        _letter(context, admin, message.strip()) for admin in context.services.roles.admins()
    ]
    context.outbox.put(letters)
    return menu.message(context, _handed(context, "paysupport-sent"))


def _handed(context: BotContext, key: str) -> str:
    """Return what is said to whoever handed words over, and that a file did not go along."""
    lost = context.translate("paysupport-words-only") if context.sent is not None else ""
    return "\n\n".join(filter(None, [context.translate(key), lost]))


def _is_good(message: str) -> bool:
    return 0 < len(message.strip()) <= MAX_CHARACTERS


def _letter(context: BotContext, admin: int, message: str) -> OutgoingMessage:
    """Return the words as a sealed letter: a notice would keep them readable."""
    there = replace(context, language=context.services.language_of(admin))
    asker = str(context.user_id)
    name = context.sender_name or "—"
    lines = [there.translate("paysupport-letter", name=name, user=asker, words=message)]
    bought = Purchases(context.db).of(context.user_id, _PURCHASES)
    if bought:
        lines += ["", there.translate("pay-bought"), *(order_line(there, each) for each in bought)]
    every = bool(bought) and ("pay-button-purchases", f"a-buys:{asker}:0:{AS_NEW_MESSAGE}")
    rows = menu.buttons_of(there, (("paysupport-button-answer", f"paysupport:{asker}"), every))
    page = FormattedMessage("\n".join(lines), buttons=rows)
    return OutgoingMessage(f"paysupport:{context.update_id}:{admin}", admin, page)


@handlers.button("paysupport")
def answer(context: BotContext) -> View:
    """Ask an admin for the answer to a person."""
    if not context.arguments:
        return pay_support(context)
    asker = context.number()
    if not context.authority.may(Permission.REFUNDS) or Users(context.db).get(asker) is None:
        return menu.outdated(context)
    values = {"user": asker}
    view = menu.form(context, "paysupport-answer-ask", step=ANSWER_STEP, values=values)
    return replace(view, is_new=True)


@handlers.step(ANSWER_STEP)
def answered(context: BotContext) -> View:
    """Send an admin's answer to the person who asked."""
    if not _is_good(context.text):
        return menu.form(context, "paysupport-bad", most=MAX_CHARACTERS)
    asker = context.dialog_values.get("user")
    context.stop_waiting()
    if not isinstance(asker, int) or not context.authority.may(Permission.REFUNDS):
        return menu.say(context, "bot-button-old")
    language = context.services.language_of(asker)
    page = FormattedMessage(text(language, "paysupport-answered", words=context.text.strip()))
    letter = OutgoingMessage(f"paysupport:{context.update_id}:{asker}", asker, page)
    context.outbox.put([letter])
    Audit(context.db).note(person_reference(context.user_id), _ANSWERED, person_reference(asker))
    return menu.message(context, _handed(context, "paysupport-answer-sent"))
