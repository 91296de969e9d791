"""Pay support: /paysupport, by which a person writes to the admins about a payment.

Telegram's terms ask every bot that takes money to answer there.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from merlin.account.audit import user
from merlin.account.role import Permission, Role
from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.office.panel import ANEW
from merlin.bot.handlers.pay.orders import order_line
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert, said
from merlin.chat.dialog import Dialog
from merlin.core.page import Button, Page
from merlin.core.text import text
from merlin.inbox.outgoing import Letter

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


def typed(kit: Kit, event: Event) -> Screen:
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
    kit.rows.audit.note(user(event.user_id), _ASKED, user(event.user_id))
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
    newest = kit.rows.audit.newest(_LOOK_BACK, user(event.user_id))
    asked = [entry for entry in newest if entry.action == _ASKED and entry.at > since]
    return len(asked) >= MOST_A_DAY


def _admins(kit: Kit) -> list[int]:
    granted = (each.user_id for each in kit.rows.roles.granted() if each.role is Role.ADMIN)
    return list(dict.fromkeys([*kit.services.admins, *granted]))


def _letter(kit: Kit, event: Event, admin: int, words: str) -> Letter:
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
    bought = kit.rows.books.purchases.of(event.user_id, _PURCHASES)
    if not bought:
        return _sealed(event, admin, Page(told_words, buttons=((reply,),)))
    lines = [order_line(kit, replace(event, language=language), each) for each in bought]
    words = "\n".join([told_words, "", text(language, "pay-bought"), *lines])
    label = text(language, "pay-button-purchases")
    every = Button(label, f"a-buys:{event.user_id}:0:{ANEW}")
    return _sealed(event, admin, Page(words, buttons=((reply, every),)))


def _sealed(event: Event, admin: int, page: Page) -> Letter:
    return Letter(f"paysupport:{event.update_id}:{admin}", admin, page)


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
    kit.rows.outbox.put([Letter(f"paysupport:{event.update_id}:{asker}", asker, Page(words))])
    kit.rows.audit.note(user(event.user_id), _ANSWERED, user(asker))
    return said(_handed(event, "paysupport-answer-sent"))


def _may_answer(kit: Kit, event: Event) -> bool:
    return kit.rows.roles.standing(event.user_id).may(Permission.REFUNDS)


def _cancel(event: Event) -> tuple[Button, ...]:
    return (Button(text(event.language, "button-cancel"), "cancel"),)


TOPIC = Topic(
    commands={"paysupport": told(pay_support)},
    buttons={"paysupport": told(answer)},
    steps={STEP: told(typed), ANSWER_STEP: told(answered)},
    menu=("paysupport",),
)
