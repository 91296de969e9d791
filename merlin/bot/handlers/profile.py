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
from dataclasses import replace
from datetime import datetime, timedelta

from telegram.error import BadRequest

from merlin.account.users import ERASED
from merlin.app.dialogs import Dialog
from merlin.app.outbox import OutgoingMessage
from merlin.app.payment_worker import end_subscriptions
from merlin.billing.plan import Format
from merlin.billing.quota import today
from merlin.bot.bot_api import ChatUnreachable, SendUnknown
from merlin.bot.context import BotApplication, Event, Kit, add_handlers, told
from merlin.bot.handlers.admin import ANEW
from merlin.bot.handlers.feedback import take_back
from merlin.bot.handlers.orders import order_line
from merlin.bot.handlers.questions import number
from merlin.bot.handlers.quota import plan_for, zone_for
from merlin.bot.menu import Screen, alert, said
from merlin.bot.stars import payment_context
from merlin.core import i18n
from merlin.core.clock import is_zone, zone_of
from merlin.core.formatted_text import Attachment, Button, FormattedMessage, button_rows
from merlin.core.i18n import LANGUAGES, language_of, text
from merlin.core.killpoint import kill_point
from merlin.core.permissions import Permission, Role
from merlin.db.audit import person_reference

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


def languages(kit: Kit, event: Event) -> Screen:
    """Show the languages, and the way to the time zones."""
    return _languages(kit, event, event.language, event.user.language)


def _languages(kit: Kit, event: Event, language: str, chosen: str | None) -> Screen:
    buttons = [
        Button(f"{'✓ ' if chosen == each else ''}{text(each, 'lang-name')}", f"lang:{each}")
        for each in LANGUAGES
    ]
    client = f"{'✓ ' if chosen is None else ''}{text(language, 'lang-client')}"
    now = _now(kit, event.user.zone or kit.services.timezone, language)
    zones = Button(text(language, "zone-choose"), "zones")
    words = text(language, "lang-ask", now=now)
    return said(words, tuple(buttons), (Button(client, f"lang:{_OF_CLIENT}"),), (zones,))


def _now(kit: Kit, zone: str, language: str) -> str:
    return i18n.format_moment(kit.services.clock(), zone_of(zone), language)


def choose_language(kit: Kit, event: Event) -> Screen:
    """Keep the language of a button."""
    word = event.args[0] if event.args else ""
    if word not in {*LANGUAGES, _OF_CLIENT}:
        return languages(kit, event)
    chosen = None if word == _OF_CLIENT else word
    kit.rows.users.set_language(event.user_id, chosen)
    default = language_of(event.update.language_code, kit.services.language)
    language = chosen or default
    screen = _languages(kit, event, language, chosen)
    return replace(screen, alert=text(language, "lang-kept"))


def zones(kit: Kit, event: Event) -> Screen:
    """Show the zones that most people here live in."""
    if event.dialog is not None and event.dialog.step == TYPING:
        kit.rows.dialogs.end(event.chat_id, event.user_id)
    return _zones(event.language, event.user.zone)


def _zones(language: str, chosen: str | None) -> Screen:
    buttons = [
        Button(f"{'✓ ' if chosen == zone else ''}{_city(zone, language)}", f"zone:{place}")
        for place, zone in enumerate(ZONES, 1)
    ]
    typed = Button(text(language, "zone-type"), "zone-type")
    back = Button(text(language, "button-back"), "lang")
    return said(text(language, "zone-ask"), *button_rows(buttons, _COLUMNS), (typed,), (back,))


def _city(zone: str, language: str) -> str:
    return text(language, f"zone-{zone.partition('/')[2].lower()}")


def choose_zone(kit: Kit, event: Event) -> Screen:
    """Keep the zone of a button."""
    found = [zone for place, zone in enumerate(ZONES, 1) if (str(place),) == event.args]
    if not found:
        return alert(text(event.language, "bot-button-old"))
    return _kept(kit, event, found[0])


def ask_zone(kit: Kit, event: Event) -> Screen:
    """Ask for the name of a zone."""
    kit.wait(event, Dialog(TYPING))
    return _asks(event, "zone-ask-name")


def _asks(event: Event, key: str) -> Screen:
    back = Button(text(event.language, "button-back"), "zones")
    cancel = Button(text(event.language, "button-cancel"), "cancel")
    return said(text(event.language, key), (back, cancel))


def zone_typed(kit: Kit, event: Event) -> Screen:
    """Keep the zone that was written, by its name or one of ours by its city."""
    zone = _meant(event.text.strip())
    if not is_zone(zone):
        return _asks(event, "zone-unknown")
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    return _kept(kit, event, zone)


def _meant(words: str) -> str:
    """Return the zone that was meant: one of ours by its city, else by its name in any case."""
    low = words.casefold()
    ours = [zone for zone in ZONES if low in {_city(zone, each).casefold() for each in LANGUAGES}]
    return next(iter(ours), words if is_zone(words) else words.title())


def _kept(kit: Kit, event: Event, zone: str) -> Screen:
    kit.rows.users.set_zone(event.user_id, zone)
    now = _now(kit, zone, event.language)
    back = Button(text(event.language, "button-back"), "lang")
    return said(text(event.language, "zone-kept", zone=zone, now=now), (back,))


ONE_DAY = timedelta(hours=24)
# Telegram takes files of 50 MB from bots; sealed and coded, a file takes twice its size here.
MOST_BYTES = 20_000_000
# The tables whose rows mean something to people, in the order in which they are told of.
_TOLD = (
    "turn",
    "chat_session",
    "rating",
    "proposal",
    "preset",
    "consent",
    "quota_use",
    "quota_gift",
    "role_grant",
    "change",
)


async def export(kit: Kit, event: Event) -> None:
    """Send one file with everything that the database keeps of the person."""
    if not event.is_private:
        await kit.say(event, text(event.language, "my-data-private"))
        return
    kept = await kit.store.read(lambda: kit.rows.people.told(event.user_id))
    content = json.dumps(kept, ensure_ascii=False, indent=1, default=str).encode()
    name = f"merlin-{event.user_id}.json"
    if len(content) > MOST_BYTES:
        name, content = f"{name}.gz", gzip.compress(content, mtime=0)
    page = FormattedMessage(text(event.language, "my-data-export"), file=Attachment(name, content))
    await kit.show(event, lambda: Screen(page))


def delete_me(kit: Kit, event: Event) -> Screen:
    """Tell what would be removed, and ask."""
    if not event.is_private:
        return said(text(event.language, "my-data-private"))
    language = event.language
    lines = _table(event, kit.rows.people.count(event.user_id))
    words = text(language, "my-data-delete", rows="\n".join(lines))
    go_on = Button(text(language, "my-data-go-on"), "forget:1")
    return said(words, (go_on,), (Button(text(language, "button-cancel"), "cancel"),))


def _table(event: Event, counts: Mapping[str, int]) -> list[str]:
    """Return a line for each kind of rows, and one for those that mean nothing to people."""
    other = sum(count for name, count in counts.items() if name not in _TOLD)
    shown = [(name, counts[name]) for name in _TOLD if counts.get(name)]
    kinds = [*shown, *([("other", other)] if other else [])]
    return [
        f"• {text(event.language, 'my-data-kind', kind=name)}: {count}" for name, count in kinds
    ]


async def forget(kit: Kit, event: Event) -> None:
    """Ask once more, then erase everything."""
    if not event.is_private:
        await kit.show(event, lambda: alert(text(event.language, "my-data-private")))
    elif number(event) != 2:  # noqa: PLR2004 - the second time
        await kit.show(event, lambda: _surely(event))
    else:
        await _erase(kit, event)


def _surely(event: Event) -> Screen:
    language = event.language
    sure = Button(text(language, "my-data-sure"), "forget:2", style="danger")
    cancel = Button(text(language, "button-cancel"), "cancel")
    return said(text(language, "my-data-surely"), (sure,), (cancel,))


async def _erase(kit: Kit, event: Event) -> None:
    await kit.calls.answer("answerCallbackQuery", {"callback_query_id": event.query_id})
    kill_point("erase.before")
    await end_subscriptions(payment_context(kit.services, kit.calls), event.user_id)
    models, removed = await kit.store.do(lambda: _forget(kit, event))
    kill_point("erase.after")
    lines = _table(event, removed)
    words = [text(event.language, "my-data-deleted", rows="\n".join(lines), count=len(lines))]
    if models:
        named = {"count": len(models), "models": ", ".join(models)}
        words.append(text(event.language, "consent-models", **named))
    await _tell(kit, event, FormattedMessage("\n\n".join(words)))
    kill_point("erase.told")
    until = _kept_until(kit, event)
    await kit.store.do(lambda: kit.rows.people.forget(event.user_id, until))


def _forget(kit: Kit, event: Event) -> tuple[list[str], Mapping[str, int]]:
    models = take_back(kit, event.user_id)
    until = _kept_until(kit, event)
    removed = kit.rows.people.forget(event.user_id, until, event.update_id)
    if not event.is_resumed:
        kit.rows.audit.note(ERASED, "user.erase", ERASED)
    return models, removed


def _kept_until(kit: Kit, event: Event) -> datetime:
    """Return until when what was used of the plan is kept: a day, or the month it counts by."""
    plan, now = plan_for(kit, event), kit.services.clock()
    if any(plan.allowance(kind).month is not None for kind in Format):
        return today(now, zone_for(kit, event)).month_ends
    return now + ONE_DAY


async def _tell(kit: Kit, event: Event, page: FormattedMessage) -> None:
    """Let the message that asked say that it is done; who cannot be told is erased all the same."""
    try:
        if not await kit.calls.edit(event.chat_id, event.message_id, page):
            await kit.calls.send(event.chat_id, page)
    except (ChatUnreachable, SendUnknown, BadRequest):
        return


STEP = "paysupport"
ANSWER_STEP = "paysupport-answer"
MOST_A_DAY = 3
MOST_CHARACTERS = 2000
_ASKED = "paysupport.ask"
_ANSWERED = "paysupport.answer"
_DAY = timedelta(days=1)
# Enough of the newest entries to see three of one day among them.
_LOOK_BACK = 50
# So many of the newest orders go along.
_PURCHASES = 3


def pay_support(kit: Kit, event: Event) -> Screen:
    """Hand over what stands behind the command; without words ask for them."""
    rest = event.text.split(maxsplit=1)[1:]
    if rest and not event.verb:
        return _hand_over(kit, event, rest[0])
    if _is_enough(kit, event):
        return said(text(event.language, "paysupport-enough", most=MOST_A_DAY))
    if not _admins(kit):
        return said(text(event.language, "paysupport-nobody"))
    kit.wait(event, Dialog(STEP))
    return said(text(event.language, "paysupport-ask"), _cancel(event))


def pay_support_typed(kit: Kit, event: Event) -> Screen:
    """Hand the typed words over to the admins."""
    return _hand_over(kit, event, event.text)


def _hand_over(kit: Kit, event: Event, words: str) -> Screen:
    if not _is_good(words):
        return said(text(event.language, "paysupport-bad", most=MOST_CHARACTERS), _cancel(event))
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    if _is_enough(kit, event):
        return said(text(event.language, "paysupport-enough", most=MOST_A_DAY))
    admins = _admins(kit)
    if not admins:
        return said(text(event.language, "paysupport-nobody"))
    kit.rows.audit.note(person_reference(event.user_id), _ASKED, person_reference(event.user_id))
    kit.rows.outbox.put([_letter(kit, event, admin, words.strip()) for admin in admins])
    return said(_handed(event, "paysupport-sent"))


def _handed(event: Event, key: str) -> str:
    """Return what is said to whoever handed words over, and that a file did not go along."""
    lost = text(event.language, "paysupport-words-only") if event.sent is not None else ""
    return "\n\n".join(filter(None, [text(event.language, key), lost]))


def _is_good(words: str) -> bool:
    return 0 < len(words.strip()) <= MOST_CHARACTERS


def _is_enough(kit: Kit, event: Event) -> bool:
    """Return whether the person has written as often as they may in a day."""
    since = kit.services.clock() - _DAY
    newest = kit.rows.audit.newest(_LOOK_BACK, person_reference(event.user_id))
    asked = [entry for entry in newest if entry.action == _ASKED and entry.at > since]
    return len(asked) >= MOST_A_DAY


def _admins(kit: Kit) -> list[int]:
    granted = (each.user_id for each in kit.rows.roles.granted() if each.role is Role.ADMIN)
    return list(dict.fromkeys([*kit.services.admins, *granted]))


def _letter(kit: Kit, event: Event, admin: int, words: str) -> OutgoingMessage:
    """Return the words as a sealed letter: a notice would keep them readable."""
    language = _language(kit, admin)
    told_words = text(
        language,
        "paysupport-letter",
        name=event.sender_name or "—",
        user=str(event.user_id),
        words=words,
    )
    reply = Button(text(language, "paysupport-button-answer"), f"paysupport:{event.user_id}")
    bought = kit.rows.billing.purchases.of(event.user_id, _PURCHASES)
    if not bought:
        return _sealed(event, admin, FormattedMessage(told_words, buttons=((reply,),)))
    lines = [order_line(kit, replace(event, language=language), each) for each in bought]
    words = "\n".join([told_words, "", text(language, "pay-bought"), *lines])
    label = text(language, "pay-button-purchases")
    every = Button(label, f"a-buys:{event.user_id}:0:{ANEW}")
    return _sealed(event, admin, FormattedMessage(words, buttons=((reply, every),)))


def _sealed(event: Event, admin: int, page: FormattedMessage) -> OutgoingMessage:
    return OutgoingMessage(f"paysupport:{event.update_id}:{admin}", admin, page)


def _language(kit: Kit, user_id: int) -> str:
    found = kit.rows.users.get(user_id)
    return found.speaks(kit.services.language) if found else kit.services.language


def answer(kit: Kit, event: Event) -> Screen:
    """Ask an admin for the answer to a person."""
    if not event.args:
        return pay_support(kit, event)
    asker = number(event)
    if not _may_answer(kit, event) or kit.rows.users.get(asker) is None:
        return alert(text(event.language, "bot-button-old"))
    kit.wait(event, Dialog(ANSWER_STEP, {"user": asker}))
    asked = said(text(event.language, "paysupport-answer-ask"), _cancel(event))
    return Screen(asked.page, is_new=True)


def answered(kit: Kit, event: Event) -> Screen:
    """Send an admin's answer to the person who asked."""
    if not _is_good(event.text):
        return said(text(event.language, "paysupport-bad", most=MOST_CHARACTERS), _cancel(event))
    asker = event.dialog.said.get("user") if event.dialog else None
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    if not isinstance(asker, int) or not _may_answer(kit, event):
        return said(text(event.language, "bot-button-old"))
    words = text(_language(kit, asker), "paysupport-answered", words=event.text.strip())
    kit.rows.outbox.put(
        [OutgoingMessage(f"paysupport:{event.update_id}:{asker}", asker, FormattedMessage(words))]
    )
    kit.rows.audit.note(person_reference(event.user_id), _ANSWERED, person_reference(asker))
    return said(_handed(event, "paysupport-answer-sent"))


def _may_answer(kit: Kit, event: Event) -> bool:
    return kit.rows.roles.standing(event.user_id).may(Permission.REFUNDS)


def _cancel(event: Event) -> tuple[Button, ...]:
    return (Button(text(event.language, "button-cancel"), "cancel"),)


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        commands={
            "lang": told(languages),
            "export": export,
            "delete_me": told(delete_me),
            "paysupport": told(pay_support),
        },
        buttons={
            "lang": told(choose_language),
            "zones": told(zones),
            "zone": told(choose_zone),
            "zone-type": told(ask_zone),
            "forget": forget,
            "paysupport": told(answer),
        },
        steps={
            TYPING: told(zone_typed),
            STEP: told(pay_support_typed),
            ANSWER_STEP: told(answered),
        },
    )
