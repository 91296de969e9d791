"""Orders and their payment in Stars: invoice, pre-checkout, payment, the end of a renewal.

A pack and a period are an invoice in the chat; a plan that renews itself is a link of Telegram's,
kept with the order, so that a second tap shows the same. An invoice that came twice is harmless:
each names the same order, and an order is paid once.

Whether a payment may be made is answered within a moment, and by one read. Nothing is stored before
the answer: Telegram waits ten seconds, and the payer all of them. That Stars were paid, or went
back, is stored with the update's end; the thanks are a notice of the same transaction: they are
said once, whatever comes twice. A plan that renews itself is stopped, asked once more; what is paid
for stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from telegram.ext import PreCheckoutQueryHandler

from merlin.app import orders as acts
from merlin.app import plans
from merlin.app.inbox import UpdateState
from merlin.billing import payments
from merlin.billing.orders import OrderRequest
from merlin.billing.payments import reason_key
from merlin.billing.plan import plan_named
from merlin.billing.purchases import Purchase, PurchaseState
from merlin.billing.subscriptions import Renewal
from merlin.bot.context import (
    BotApplication,
    Event,
    GuardGroup,
    Kit,
    add_guard,
    add_handlers,
    callback_of,
)
from merlin.bot.handlers.plans import (
    buyer,
    plan,
    plan_at,
    promo_at,
    shop_judged,
    shop_refusal,
    to_plan,
    word,
)
from merlin.bot.handlers.questions import number
from merlin.bot.handlers.quota import zone_for
from merlin.bot.loops import retry_until_stored
from merlin.bot.menu import Screen, alert, said
from merlin.bot.stars import StarsGateway, is_of_money, read_payment, read_refund, stars_request
from merlin.core import i18n
from merlin.core.errors import MerlinError, NotFound, PaymentError, Refused
from merlin.core.formatted_text import Button
from merlin.core.i18n import text
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.db.notices import ADMINS
from merlin.providers.payments import Gateway

# So long after an invoice a further tap is the same tap.
PATIENCE = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Asked:
    """An order to ask for; `is_shown`: its invoice came a moment ago."""

    purchase: Purchase
    is_renewed: bool
    is_shown: bool


async def buy(kit: Kit, event: Event) -> None:
    """Order what the button names, and show how to pay it. Raises ChatUnreachable."""
    await _ask(kit, event, lambda: _ordered(kit, event))


async def pay(kit: Kit, event: Event) -> None:
    """Show again how to pay an order. Raises ChatUnreachable."""
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
    wanted = OrderRequest(event.user_id, plan.name, Gateway.STARS, promo=code)
    purchase = acts.place_order(kit.rows.billing, buyer(event), wanted)
    return _asked(kit, event, purchase)


def expire(kit: Kit, event: Event) -> None:
    """End the orders in Stars that nobody paid in time."""
    for each in kit.rows.billing.purchases.of(event.user_id):
        if each.order.gateway is Gateway.STARS and each.state.is_open:
            payments.expire(kit.rows.billing, each)


def _check_unrenewed(kit: Kit, event: Event, name: str) -> None:
    mine = plans.my_subscriptions(kit.rows.billing, buyer(event))
    if any(each.plan == name for each in mine.running):
        raise Refused(f"{name} renews itself", "pay-renews-already")


def _again(kit: Kit, event: Event) -> Asked:
    """Find an order that waits to be paid. Raises NotFound for others', Refused."""
    purchase = acts.show_order(kit.rows.billing, buyer(event), word(event))
    if purchase.order.gateway is not Gateway.STARS:
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
    is_first = kit.rows.billing.purchases.asking(
        purchase.purchase_id, kit.services.clock(), PATIENCE
    )
    return Asked(purchase, is_renewed, is_shown=not (is_first or event.is_resumed))


async def _ask(kit: Kit, event: Event, find: Callable[[], Asked]) -> None:
    try:
        asked = await kit.store.do(find)
    except MerlinError as error:
        told = shop_refusal(event, error)
        await kit.show(event, lambda: told)
        return
    await (_link if asked.is_renewed else _invoice)(kit, event, asked)


async def _invoice(kit: Kit, event: Event, asked: Asked) -> None:
    if asked.is_shown:
        await kit.show(event, lambda: alert(text(event.language, "pay-invoice-above")))
        return
    key, request = "pay-invoice-below", stars_request(asked.purchase, event.language)
    try:
        await StarsGateway(kit.calls).send_invoice(event.place, request)
    except PaymentError:
        key = "pay-no-invoice"
    words, is_loud = text(event.language, key), key == "pay-no-invoice"
    await kit.show(event, lambda: alert(words, is_loud=is_loud))


async def _link(kit: Kit, event: Event, asked: Asked) -> None:
    """Show where a subscription is paid; its address is asked for once."""
    purchase = asked.purchase
    request = stars_request(purchase, event.language)
    try:
        url = purchase.pay_url or (await StarsGateway(kit.calls).create(request)).pay_url
    except PaymentError:
        words = text(event.language, "pay-no-invoice")
        await kit.show(event, lambda: alert(words, is_loud=True))
        return

    def act() -> Screen:
        kit.rows.billing.purchases.pending(purchase.purchase_id, "", url, purchase.expires_at)
        return _subscribing(event, replace(purchase, pay_url=url))

    await kit.show(event, act)


def _subscribing(event: Event, purchase: Purchase) -> Screen:
    language, order = event.language, purchase.order
    title = order.promise.title.get(language, order.promise.plan)
    price = order.amount.told(language)
    words = text(language, "pay-subscribe", title=title, price=price)
    label = text(language, "pay-button-subscribe", price=price)
    return said(words, (Button(label, url=purchase.pay_url),), to_plan(event))


log = get_logger(__name__)

_METHOD = "answerPreCheckoutQuery"


async def checkout(kit: Kit, event: Event) -> None:
    """Answer whether the order may be paid now, then end the update."""
    try:
        reason = await kit.store.read(lambda: why_not(kit, event))
    except Exception:
        # The payer is not to wait for what may be broken longer than they do.
        log.exception("an order could not be read", update=event.update_id)
        reason = "pay-refused-broken"
    answer: dict[str, Any] = {"pre_checkout_query_id": event.query_id, "ok": not reason}
    if reason:
        answer["error_message"] = text(event.language, reason)
    await kit.calls.answer(_METHOD, answer)
    if reason:
        await kit.end(event, UpdateState.REFUSED, reason)
    else:
        await kit.end(event, UpdateState.ANSWERED)


def why_not(kit: Kit, event: Event) -> str:
    """Return the key of why the payment may not be made, "" where it may."""
    asked = event.update.body.get("pre_checkout_query")
    said: Mapping[str, Any] = asked if isinstance(asked, Mapping) else {}
    try:
        purchase = kit.rows.billing.purchases.get(str(said.get("invoice_payload", "")))
    except NotFound:
        return "pay-refused-unknown"
    order = purchase.order
    price = (said.get("total_amount"), said.get("currency"))
    reasons = {
        "pay-refused-unknown": order.gateway is not Gateway.STARS,
        "pay-refused-not-yours": purchase.user_id != event.user_id,
        "pay-refused-blocked": event.user.is_blocked,
        "pay-refused-paid": purchase.state.is_paid,
        "pay-refused-old": not purchase.may_be_paid(kit.services.clock())
        or not kit.rows.billing.promos.may_take(purchase),
        "pay-refused-price": price != (order.amount.minor, order.amount.currency.value),
    }
    return next((key for key, is_so in reasons.items() if is_so), "")


async def money_moved(kit: Kit, event: Event) -> Event | None:
    """Store what was paid or went back, however often that must be tried.

    A guard, because neither a block nor a message that the library cannot read may be in its way.
    """
    if not is_of_money(event.update):
        return event
    await retry_until_stored(
        kit.services, lambda: _store(kit, event), "a payment could not be stored"
    )
    kill_point("payment.after")
    return None


def _store(kit: Kit, event: Event) -> None:
    paid, returned = read_payment(event.update), read_refund(event.update)
    if paid is not None:
        payments.receive_payment(kit.rows.billing, paid)
    elif returned is not None:
        payments.receive_refund(kit.rows.billing, returned)
    else:
        # No Stars: nothing that we sell is paid for so.
        log.error("a payment could not be read", update=event.update_id)
        said = {"user": str(event.user_id), "update": str(event.update_id)}
        once = f"unread:{event.update_id}"
        kit.rows.notices.tell(ADMINS, "notice-payment-unread", said, once)
    kit.finish(event, UpdateState.ANSWERED, "payment")


def renewal(kit: Kit, event: Event) -> Screen:
    """Tell when a plan is paid next, and ask whether it is to stop."""
    mine = _own(kit, event)
    at = i18n.format_moment(mine.next_at, zone_for(kit, event), event.language)
    told_ = {"title": _title(kit, event, mine), "at": at, "till": mine.gateway.value}
    words = text(event.language, "pay-ask-stop", **told_)
    label = text(event.language, "pay-button-stop")
    stop = Button(label, f"renewal-off:{mine.renewal_id}", style="danger")
    return said(words, (stop,), to_plan(event))


def _own(kit: Kit, event: Event) -> Renewal:
    """Return the renewal that a button names. Raises NotFound where it is off or not theirs."""
    try:
        return plans.find_renewal(kit.rows.billing, buyer(event), number(event))
    except NotFound:
        raise NotFound("no such renewal", "pay-renewal-none") from None


def _title(kit: Kit, event: Event, mine: Renewal) -> str:
    of = plan_named(kit.services.plans, mine.plan)
    return of.titled(event.language) if of is not None else mine.plan


def stop_renewal(kit: Kit, event: Event) -> Screen:
    """Stop the renewal; the payment worker lets Telegram know of one in Stars."""
    mine = _own(kit, event)
    plans.stop_renewal(kit.rows.billing, buyer(event), mine.renewal_id)
    words = text(event.language, "pay-stopped", title=_title(kit, event, mine))
    return replace(plan(kit, event), alert=words, is_loud=True)


MOST = 10


def orders(kit: Kit, event: Event) -> Screen:
    """Show the newest orders; those in Stars that wait may be paid from here."""
    expire(kit, event)
    mine = acts.list_orders(kit.rows.billing, buyer(event), MOST)
    if not mine:
        return said(text(event.language, "pay-no-orders"), to_plan(event))
    lines = [text(event.language, "pay-orders"), *(order_line(kit, event, each) for each in mine)]
    now = kit.services.clock()
    waiting = [
        each for each in mine if each.order.gateway is Gateway.STARS and each.may_be_paid(now)
    ]
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
    at = i18n.format_moment_briefly(purchase.created_at, zone_for(kit, event), event.language)
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


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_guard(application, money_moved, GuardGroup.PAYMENT)
    application.add_handler(PreCheckoutQueryHandler(callback_of(checkout)))
    add_handlers(
        application,
        buttons={
            "buy": buy,
            "order": pay,
            "renewal": shop_judged(renewal),
            "renewal-off": shop_judged(stop_renewal),
            "orders": shop_judged(orders),
        },
    )
