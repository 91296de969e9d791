"""Code: somebody has a code; it gives days at once, or shows a plan at its lower price."""

from __future__ import annotations

from dataclasses import replace

from merlin.billing.plan import plan_named
from merlin.bot.event import Event
from merlin.bot.handlers.pay.judged import judged
from merlin.bot.handlers.pay.offer import offered
from merlin.bot.handlers.pay.plan import plan
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, said
from merlin.chat.dialog import Dialog
from merlin.core.errors import MerlinError, NotFound
from merlin.core.page import Button
from merlin.core.text import text

STEP = "pay-code"
# Nobody guesses codes for long.
MOST_TRIES = 5


def ask(kit: Kit, event: Event) -> Screen:
    """Ask for the code."""
    kit.wait(event, Dialog(STEP, {"tries": 0}))
    return _asks(event, text(event.language, "pay-ask-code"))


def _asks(event: Event, words: str) -> Screen:
    back = Button(text(event.language, "button-back"), "plan:0")
    return said(words, (back, Button(text(event.language, "button-cancel"), "cancel")))


def typed(kit: Kit, event: Event) -> Screen:
    """Take the code that was written."""
    try:
        return kit.store.apart(lambda: _used(kit, event))
    except MerlinError as error:
        tries = int((event.dialog.said if event.dialog else {}).get("tries", 0)) + 1
        words = text(event.language, error.key, **error.arguments)
        if tries >= MOST_TRIES:
            kit.rows.dialogs.end(event.chat_id, event.user_id)
            return said(f"{words}\n\n{text(event.language, 'pay-code-enough')}")
        kit.wait(event, Dialog(STEP, {"tries": tries}))
        return _asks(event, f"{words}\n\n{text(event.language, 'pay-code-again')}")


def _used(kit: Kit, event: Event) -> Screen:
    promo = kit.rows.books.promos.find(event.user_id, event.text)
    of = plan_named(kit.services.plans, promo.plan)
    if of is None:
        raise NotFound(f"no plan {promo.plan}", "promo-unknown")
    if promo.days:
        kit.rows.books.promos.redeem(event.user_id, promo.code)
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    if not promo.days:
        return offered(kit, event, of, promo)
    title = of.titled(event.language)
    words = text(event.language, "pay-code-given", title=title, days=promo.days)
    screen = plan(kit, event)
    page = screen.page
    return (
        screen
        if page is None
        else replace(screen, page=replace(page, text=f"{words}\n\n{page.text}"))
    )


TOPIC = Topic(buttons={"code": judged(ask)}, steps={STEP: told(typed)})
