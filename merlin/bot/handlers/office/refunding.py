"""Refunding: money of one payment goes back: how much, why (a step), asked once more.

purchase -> [all | a part (a step)] -> reason (a step) -> sure -> wished for; its till sends it

Stars go back whole. What was granted is taken back by the ledger, with the money.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from merlin.account.role import Permission
from merlin.billing.amount import Amount, Currency, roubles
from merlin.billing.ledger import EntryKind
from merlin.billing.purchase import Purchase, Till
from merlin.billing.refund import MOST_REASON
from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.office.panel import guarded
from merlin.bot.handlers.office.purchases import card
from merlin.bot.handlers.pay.orders import titled
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.chat.dialog import Dialog
from merlin.core.errors import NotFound, Refused
from merlin.core.text import text

PART = f"{panel.STEP}refund-part"
REASON = f"{panel.STEP}refund"
SURE = f"{panel.STEP}refund-sure"


def choose(kit: Kit, event: Event) -> Screen:
    """Ask how much is to go back; Stars go back whole, so there the reason is asked."""
    purchase, rest = _payment(kit, event)
    if purchase.order.till is Till.STARS:
        return _asks_reason(kit, event, {**_named(event), "amount": None})
    kit.wait(event, Dialog(PART, _named(event)))
    return _asks_part(event, purchase, rest, "pay-admin-ask-part")


def _payment(kit: Kit, event: Event) -> tuple[Purchase, Amount]:
    """Return the purchase whose grant a button names, and what can go back. Raises NotFound."""
    return _granted(kit, number(event), "".join(event.args[1:2]))


def _granted(kit: Kit, grant_id: int, purchase_id: str) -> tuple[Purchase, Amount]:
    purchase = kit.rows.books.purchases.get(purchase_id)
    entries = kit.rows.books.ledger.entries(purchase_id)
    is_there = any(each.entry_id == grant_id and each.kind is EntryKind.GRANT for each in entries)
    if not is_there:
        raise NotFound(f"no grant {grant_id}", "bot-button-old")
    return purchase, kit.rows.books.ledger.rest(grant_id)


def _named(event: Event) -> dict[str, Any]:
    return {"grant": number(event), "purchase": "".join(event.args[1:2])}


def _asks_part(event: Event, purchase: Purchase, rest: Amount, key: str) -> Screen:
    words = text(event.language, key, rest=rest.told(event.language))
    place = f"{number(event)}:{purchase.purchase_id}"
    whole = panel.button(event, "pay-admin-all", f"a-back-all:{place}")
    cancel = panel.button(event, "button-cancel", "cancel")
    back = panel.back(event, f"a-buy:{purchase.purchase_id}")
    return panel.panel(titled(purchase, event.language), words, rows=[(whole,), (*back, cancel)])


def all_of_it(kit: Kit, event: Event) -> Screen:
    """Let all that is left go back."""
    _payment(kit, event)
    return _asks_reason(kit, event, {**_named(event), "amount": None})


def part(kit: Kit, event: Event) -> Screen:
    """Take the sum that was written. Raises Refused for one that cannot go back."""
    said = dict(event.dialog.said) if event.dialog is not None else {}
    _, rest = _granted(kit, int(said.get("grant", 0)), str(said.get("purchase", "")))
    try:
        wanted = roubles(event.text.strip().replace(" ", "").replace(",", "."))
    except ValueError:
        raise Refused("no amount", "pay-admin-no-amount", rest=rest.told(event.language)) from None
    if rest.currency is not Currency.RUB or not 0 < wanted.minor <= rest.minor:
        told = rest.told(event.language)
        raise Refused("too much", "billing-refund-too-much", rest=told)
    return _asks_reason(kit, event, {**said, "amount": wanted.minor})


def _asks_reason(kit: Kit, event: Event, said: dict[str, Any]) -> Screen:
    kit.wait(event, Dialog(REASON, said))
    words = text(event.language, "pay-admin-ask-reason", most=MOST_REASON)
    return panel.waits_for(event, words, f"a-buy:{said['purchase']}")


def reason(kit: Kit, event: Event) -> Screen:
    """Take the reason that was written, and ask whether the refund is meant."""
    said = dict(event.dialog.said) if event.dialog is not None else {}
    why = " ".join(event.text.split())[:MOST_REASON]
    if not why:
        return _asks_reason(kit, event, said)
    grant, purchase_id = int(said.get("grant", 0)), str(said.get("purchase", ""))
    purchase, rest = _granted(kit, grant, purchase_id)
    amount = _amount(said) or rest
    kept = {**said, "reason": why, "asked": event.update_id}
    kit.wait(event, Dialog(SURE, kept))
    is_renewed = purchase.order.till is Till.STARS
    words = text(
        event.language,
        "pay-admin-ask-refund",
        price=amount.told(event.language),
        title=titled(purchase, event.language),
        user=str(purchase.user_id),
        reason=why,
        whole="yes" if amount == rest else "no",
        till="stars" if is_renewed else "yookassa",
    )
    yes = panel.button(event, "pay-admin-refund-yes", f"a-back-yes:{event.update_id}")
    return panel.asks(event, words, yes, f"a-buy:{purchase_id}")


def _amount(said: dict[str, Any]) -> Amount | None:
    minor = said.get("amount")
    return None if minor is None else Amount(int(minor), Currency.RUB)


def refund(kit: Kit, event: Event) -> Screen:
    """Write the wish for the refund down; whoever owns the till sends it. Raises Refused."""
    dialog = event.dialog
    said = dict(dialog.said) if dialog is not None and dialog.step == SURE else {}
    if not said or said.get("asked") != number(event):
        raise NotFound("not asked", "bot-button-old")
    grant, purchase_id = int(said["grant"]), str(said["purchase"])
    purchase, _ = _granted(kit, grant, purchase_id)
    key = f"update:{number(event)}"
    wish = kit.rows.books.refunds.want
    wish(grant, _amount(said), str(said["reason"]), panel.by(event), key)
    alert = text(event.language, "pay-admin-refund-wished")
    return replace(card(kit, event, purchase), alert=alert)


def typed_again(_kit: Kit, event: Event) -> Screen:
    """Ask for the button where something was written instead."""
    dialog = event.dialog
    said = dict(dialog.said) if dialog is not None else {}
    words = text(event.language, "pay-admin-press")
    yes = panel.button(event, "pay-admin-refund-yes", f"a-back-yes:{said.get('asked', 0)}")
    return panel.asks(event, words, yes, f"a-buy:{said.get('purchase', '')}")


TOPIC = Topic(
    buttons={
        "a-back": guarded(Permission.REFUNDS, choose),
        "a-back-all": guarded(Permission.REFUNDS, all_of_it),
        "a-back-yes": guarded(Permission.REFUNDS, refund),
    },
    steps={
        PART: guarded(Permission.REFUNDS, part),
        REASON: guarded(Permission.REFUNDS, reason),
        SURE: guarded(Permission.REFUNDS, typed_again),
    },
)
