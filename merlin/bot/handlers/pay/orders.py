"""Orders: what somebody ordered lately, and what became of it."""

from __future__ import annotations

from merlin.billing.purchase import Purchase, PurchaseState, Till
from merlin.billing.settling import reason_key
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import zone_for
from merlin.bot.handlers.pay.buying import expire
from merlin.bot.handlers.pay.judged import judged
from merlin.bot.handlers.pay.plan import to_plan
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, said
from merlin.core import moment
from merlin.core.page import Button
from merlin.core.text import text

MOST = 10


def orders(kit: Kit, event: Event) -> Screen:
    """Show the newest orders; those in Stars that wait may be paid from here."""
    expire(kit, event)
    mine = kit.rows.books.purchases.of(event.user_id, MOST)
    if not mine:
        return said(text(event.language, "pay-no-orders"), to_plan(event))
    lines = [text(event.language, "pay-orders"), *(order_line(kit, event, each) for each in mine)]
    now = kit.services.clock()
    waiting = [each for each in mine if each.order.till is Till.STARS and each.may_be_paid(now)]
    rows = [(Button(_label(event, each), f"order:{each.purchase_id}"),) for each in waiting]
    return said("\n".join(lines), *rows, to_plan(event))


def _label(event: Event, purchase: Purchase) -> str:
    title = titled(purchase, event.language)
    price = purchase.order.amount.told(event.language)
    return text(event.language, "pay-button-order", title=title, price=price)


def titled(purchase: Purchase, language: str) -> str:
    """Return the title of what was bought, as it was then."""
    promise = purchase.order.promise
    return promise.title.get(language, promise.plan)


def order_line(kit: Kit, event: Event, purchase: Purchase) -> str:
    """Return an order in one line: when, what, for how much, what became of it."""
    at = moment.brief(purchase.created_at, zone_for(kit, event), event.language)
    return text(
        event.language,
        "pay-order",
        at=at,
        title=titled(purchase, event.language),
        price=purchase.order.amount.told(event.language),
        state=state_words(kit, event, purchase),
    )


def state_words(kit: Kit, event: Event, purchase: Purchase) -> str:
    """Return what became of an order, with the reason of one that was canceled."""
    state = purchase.state
    if state.is_open and not purchase.may_be_paid(kit.services.clock()):
        state = PurchaseState.EXPIRED
    words = text(event.language, f"pay-state-{state.value}")
    if state is PurchaseState.CANCELED and purchase.reason:
        return f"{words} ({text(event.language, reason_key(purchase.reason))})"
    return words


TOPIC = Topic(buttons={"orders": judged(orders)})
