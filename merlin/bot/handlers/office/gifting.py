"""Gifting: questions beyond a person's plan: format, amount, for how long; asked once more.

format -> amount (a button or a step) -> days -> sure -> given, and told to the person
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from merlin.account.role import Permission
from merlin.account.user import User
from merlin.billing.plan import Format
from merlin.billing.quota import MOST, Gift
from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.office.panel import guarded
from merlin.bot.handlers.office.people import called, card, person_of
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.chat.dialog import Dialog
from merlin.core.errors import NotFound, Refused
from merlin.core.page import Button, rows
from merlin.core.text import text

AMOUNT = f"{panel.STEP}gift"
_AMOUNTS = (5, 10, 25, 50, 100, 500)
_DAYS = (7, 30, 90, 365)
_LONGEST_DAYS = 36_500


def choose_format(kit: Kit, event: Event) -> Screen:
    """Ask which questions to give."""
    person = person_of(kit, event)
    kinds = [
        Button(panel.word(event, "format", kind.value), f"a-gift-n:{person.user_id}:{kind.value}")
        for kind in Format
    ]
    words = text(event.language, "people-ask-format")
    back = panel.back(event, f"a-user:{person.user_id}")
    return panel.panel(called(event, person), words, rows=[*rows(kinds, 2), back])


def choose_amount(kit: Kit, event: Event) -> Screen:
    """Ask how many; a number may be written too."""
    person, kind = person_of(kit, event), _format(event)
    said = {"user": person.user_id, "format": kind.value}
    kit.wait(event, Dialog(AMOUNT, said))
    return _asks_amount(event, person, kind, "people-ask-amount")


def _asks_amount(event: Event, person: User, kind: Format, key: str) -> Screen:
    place = f"{person.user_id}:{kind.value}"
    amounts = [Button(str(amount), f"a-gift-d:{place}:{amount}") for amount in _AMOUNTS]
    words = text(event.language, key, most=MOST)
    back = panel.back(event, f"a-gift:{person.user_id}")
    cancel = panel.button(event, "button-cancel", "cancel")
    return panel.panel(called(event, person), words, rows=[*rows(amounts, 3), (*back, cancel)])


def _format(event: Event) -> Format:
    """Return the format that a button names. Raises NotFound."""
    try:
        return Format("".join(event.args[1:2]))
    except ValueError:
        raise NotFound("no such format", "bot-button-old") from None


def written_amount(kit: Kit, event: Event) -> Screen:
    """Take the amount that was written."""
    said = event.dialog.said if event.dialog is not None else {}
    person = kit.rows.users.get(int(said.get("user", 0)))
    if person is None:
        raise NotFound("nobody", "account-no-user", user=str(said.get("user")))
    kind, words = Format(said["format"]), event.text.strip()
    is_number = words.isascii() and words.isdecimal() and len(words) < len(str(MOST)) + 1
    if not is_number or not 1 <= int(words) <= MOST:
        return _asks_amount(event, person, kind, "people-amount-wrong")
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    return _asks_days(event, person, kind, int(words))


def choose_days(kit: Kit, event: Event) -> Screen:
    """Ask for how long."""
    return _asks_days(event, person_of(kit, event), _format(event), _amount(event))


def _amount(event: Event) -> int:
    """Return the amount that a button names. Raises Refused."""
    amount = number(event, 2)
    if not 1 <= amount <= MOST:
        raise Refused(f"a gift of {amount}", "quota-gift-amount", most=MOST)
    return amount


def _asks_days(event: Event, person: User, kind: Format, amount: int) -> Screen:
    place = f"a-gift-ask:{person.user_id}:{kind.value}:{amount}"
    days = [
        Button(text(event.language, "people-days", days=each), f"{place}:{each}") for each in _DAYS
    ]
    ever = Button(text(event.language, "people-for-ever"), f"{place}:0")
    words = text(event.language, "people-ask-days")
    back = panel.back(event, f"a-gift-n:{person.user_id}:{kind.value}")
    return panel.panel(called(event, person), words, rows=[*rows(days, 2), (ever,), back])


def ask_gift(kit: Kit, event: Event) -> Screen:
    """Ask whether the gift is meant."""
    person, kind, amount, days = person_of(kit, event), _format(event), _amount(event), _days(event)
    told = {
        "who": called(event, person),
        "format": panel.word(event, "format", kind.value),
        "amount": amount,
    }
    for_long = text(event.language, "people-days" if days else "people-for-ever", days=days)
    words = text(event.language, "people-ask-gift", **told, long=for_long)
    # Which question this is stands in the button: pressed twice it gives once.
    data = f"a-gift-yes:{person.user_id}:{kind.value}:{amount}:{days}:{event.update_id}"
    yes = panel.button(event, "people-gift", data)
    return panel.asks(event, words, yes, f"a-user:{person.user_id}")


def _days(event: Event) -> int:
    return min(number(event, 3), _LONGEST_DAYS)


def give(kit: Kit, event: Event) -> Screen:
    """Give the questions, and tell the person."""
    person, kind, amount, days = person_of(kit, event), _format(event), _amount(event), _days(event)
    until = kit.services.clock() + timedelta(days=days) if days else None
    key = f"update:{number(event, 4) or event.update_id}"
    gift = Gift(person.user_id, kind, amount, panel.by(event), "", until, key)
    kit.rows.quotas.give(gift)
    told = {"amount": amount, "format": {"key": f"format-{kind.value}", "arguments": {}}}
    kit.rows.notices.tell(str(person.user_id), "notice-gift", told, once=f"gift:{key}")
    return replace(card(kit, event, person), alert=text(event.language, "people-given"))


TOPIC = Topic(
    buttons={
        "a-gift": guarded(Permission.GIFTS, choose_format),
        "a-gift-n": guarded(Permission.GIFTS, choose_amount),
        "a-gift-d": guarded(Permission.GIFTS, choose_days),
        "a-gift-ask": guarded(Permission.GIFTS, ask_gift),
        "a-gift-yes": guarded(Permission.GIFTS, give),
    },
    steps={AMOUNT: guarded(Permission.GIFTS, written_amount)},
)
