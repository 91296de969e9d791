"""Buying: a plan or pack becomes an order, and the order an invoice in Stars.

A pack and a period are an invoice in the chat; a plan that renews itself is a link of Telegram's,
kept with the order, so that a second tap shows the same. An invoice that came twice is harmless:
each names the same order, and an order is paid once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from merlin.billing import buying, settling
from merlin.billing.buying import Wanted
from merlin.billing.plan import plan_named
from merlin.billing.purchase import Purchase, Till
from merlin.billing.renewal import RenewalState
from merlin.bot.event import Event
from merlin.bot.handlers.pay.goods import plan_at, shop_of, word
from merlin.bot.handlers.pay.judged import refusal
from merlin.bot.handlers.pay.offer import promo_at
from merlin.bot.handlers.pay.plan import to_plan
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert, said
from merlin.bot.stars.sending import Said, StarsDesk
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.page import Button
from merlin.core.text import text

# So long after an invoice a further tap is the same tap.
PATIENCE = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Asked:
    """An order to ask for; `is_shown`: its invoice came a moment ago."""

    purchase: Purchase
    is_renewed: bool
    is_shown: bool


async def buy(kit: Kit, event: Event) -> None:
    """Order what the button names, and show how to pay it. Raises Unreachable."""
    await _ask(kit, event, lambda: _ordered(kit, event))


async def pay(kit: Kit, event: Event) -> None:
    """Show again how to pay an order. Raises Unreachable."""
    await _ask(kit, event, lambda: _again(kit, event))


def _ordered(kit: Kit, event: Event) -> Asked:
    """Store the order. Raises NotFound, Refused."""
    plan, mark = plan_at(kit, word(event)), word(event, 1)
    promo = promo_at(kit, mark) if mark else None
    if mark and promo is None:
        raise NotFound("no such code", "promo-unknown")
    expire(kit, event)
    if plan.offer.is_renewed:
        _check_unrenewed(kit, event, plan.name)
    code = promo.code if promo is not None else ""
    wanted = Wanted(event.user_id, plan.name, Till.STARS, promo=code)
    purchase = buying.order(kit.rows.books, shop_of(kit), wanted, kit.services.clock)
    return _asked(kit, event, purchase)


def expire(kit: Kit, event: Event) -> None:
    """End the orders in Stars that nobody paid in time."""
    now = kit.services.clock()
    for each in kit.rows.books.purchases.of(event.user_id):
        if each.order.till is Till.STARS and each.state.is_open:
            settling.expire(kit.rows.books, each, now)


def _check_unrenewed(kit: Kit, event: Event, name: str) -> None:
    renewals = kit.rows.books.renewals.of(event.user_id)
    if any(each.plan == name and each.state is RenewalState.ON for each in renewals):
        raise Refused(f"{name} renews itself", "pay-renews-already")


def _again(kit: Kit, event: Event) -> Asked:
    """Find an order that waits to be paid. Raises NotFound for others', Refused."""
    purchase = kit.rows.books.purchases.get(word(event))
    if purchase.user_id != event.user_id or purchase.order.till is not Till.STARS:
        raise NotFound("not theirs", "billing-no-purchase")
    if not purchase.may_be_paid(kit.services.clock()):
        raise Refused(
            "not open", "pay-refused-paid" if purchase.state.is_paid else "pay-refused-old"
        )
    return _asked(kit, event, purchase)


def _asked(kit: Kit, event: Event, purchase: Purchase) -> Asked:
    plan = plan_named(kit.services.plans, purchase.order.promise.plan)
    # A subscription has one price for ever, so what is cheaper once is a period alone.
    is_renewed = plan is not None and plan.offer.is_renewed and not purchase.order.promo
    is_first = kit.rows.books.asking.asking(purchase.purchase_id, kit.services.clock(), PATIENCE)
    return Asked(purchase, is_renewed, is_shown=not (is_first or event.is_resumed))


async def _ask(kit: Kit, event: Event, find: Callable[[], Asked]) -> None:
    try:
        asked = await kit.store.do(find)
    except MerlinError as error:
        told = refusal(event, error)
        await kit.show(event, lambda: told)
        return
    await (_link if asked.is_renewed else _invoice)(kit, event, asked)


async def _invoice(kit: Kit, event: Event, asked: Asked) -> None:
    if asked.is_shown:
        await kit.show(event, lambda: alert(text(event.language, "pay-invoice-above")))
        return
    desk = StarsDesk(kit.calls)
    found = await desk.invoice(event.place, asked.purchase, event.language)
    key = "pay-invoice-below" if found is Said.DONE else "pay-no-invoice"
    await kit.show(event, lambda: alert(text(event.language, key), is_loud=found is not Said.DONE))


async def _link(kit: Kit, event: Event, asked: Asked) -> None:
    """Show where a subscription is paid; its address is asked for once."""
    purchase = asked.purchase
    url = purchase.pay_url or await StarsDesk(kit.calls).link(purchase, event.language)
    if not url:
        words = text(event.language, "pay-no-invoice")
        await kit.show(event, lambda: alert(words, is_loud=True))
        return

    def act() -> Screen:
        kit.rows.books.asking.pending(purchase.purchase_id, "", url, purchase.expires_at)
        return _subscribing(event, replace(purchase, pay_url=url))

    await kit.show(event, act)


def _subscribing(event: Event, purchase: Purchase) -> Screen:
    language, order = event.language, purchase.order
    title = order.promise.title.get(language, order.promise.plan)
    price = order.amount.told(language)
    words = text(language, "pay-subscribe", title=title, price=price)
    label = text(language, "pay-button-subscribe", price=price)
    return said(words, (Button(label, url=purchase.pay_url),), to_plan(event))


TOPIC = Topic(buttons={"buy": buy, "order": pay})
