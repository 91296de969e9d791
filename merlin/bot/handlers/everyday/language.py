"""Language: /lang, in which language and by which clock a person is spoken to."""

from __future__ import annotations

from dataclasses import replace

from merlin.account.zone import is_zone, zone_of
from merlin.bot.event import Event
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert, said
from merlin.chat.dialog import Dialog
from merlin.core import moment
from merlin.core.page import Button, rows
from merlin.core.text import LANGUAGES, language_of, text

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
    return moment.told(kit.services.clock(), zone_of(zone), language)


def choose(kit: Kit, event: Event) -> Screen:
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
    return said(text(language, "zone-ask"), *rows(buttons, _COLUMNS), (typed,), (back,))


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


def typed(kit: Kit, event: Event) -> Screen:
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


TOPIC = Topic(
    commands={"lang": told(languages)},
    buttons={
        "lang": told(choose),
        "zones": told(zones),
        "zone": told(choose_zone),
        "zone-type": told(ask_zone),
    },
    steps={TYPING: told(typed)},
    menu=("lang",),
)
