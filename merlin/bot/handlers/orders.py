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

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from merlin.app import orders as acts
from merlin.app import plans, settlement
from merlin.app.inbox import UpdateState
from merlin.app.settlement import reason_key
from merlin.app.shop import place_order
from merlin.billing.promo_codes import Promos
from merlin.billing.purchases import Purchase, Purchases, PurchaseState
from merlin.billing.quota import plan_named, plan_title
from merlin.billing.subscriptions import Renewal
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers.admin import when
from merlin.bot.handlers.plans import TO_PLAN, buyer, plan, plan_at, promo_at
from merlin.bot.menu import View
from merlin.bot.processor import retry_until_stored
from merlin.bot.registry import Handlers
from merlin.bot.stars import StarsGateway, read_payment, read_refund, stars_request
from merlin.core.errors import MerlinError, NotFound, PaymentError, Refused
from merlin.core.formatted_text import Button
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.db.notices import ADMINS, Notices
from merlin.providers.payments import Gateway

handlers = Handlers()
# So long after an invoice a further tap is the same tap.
PATIENCE = timedelta(seconds=20)


def _ordered(context: BotContext) -> Purchase:
    """Store the order. Raises NotFound, Refused."""
    plan, mark = plan_at(context), context.argument(1)
    promo = promo_at(context, mark) if mark else None
    if mark and promo is None:
        raise NotFound("no such code", "promo-unknown")
    expire(context)
    services, actor = context.services, buyer(context)
    if plan.renewed and plans.my_subscriptions(services, actor).renewal(plan):
        raise Refused(f"{plan.name} renews itself", "pay-renews-already")
    code = promo.code if promo is not None else ""
    return place_order(services, actor, plan.name, Gateway.STARS, code)


def expire(context: BotContext) -> None:
    """End the orders in Stars that nobody paid in time."""
    for each in Purchases(context.db).of(context.user_id):
        if each.order.gateway is Gateway.STARS and each.state.is_open:
            settlement.expire(context.services, each)


def _again(context: BotContext) -> Purchase:
    """Find an order that waits to be paid. Raises NotFound for others', Refused."""
    purchase = acts.show_order(context.services, buyer(context), context.argument(0))
    if purchase.order.gateway is not Gateway.STARS:
        raise NotFound("not theirs", "billing-no-purchase")
    if not purchase.may_be_paid(context.services.clock()):
        key = "pay-refused-paid" if purchase.state.is_paid else "pay-refused-old"
        raise Refused("not open", key)
    return purchase


async def _ask(context: BotContext, find: Callable[[BotContext], Purchase]) -> None:
    """Show how the order that `find` returns is paid, or why not. Raises ChatUnreachable."""

    def claim() -> tuple[Purchase, bool]:
        purchase, now = find(context), context.services.clock()
        return purchase, Purchases(context.services.db, context.services.clock).claim_call(
            purchase.purchase_id, now, PATIENCE
        )

    try:
        purchase, is_first = await context.store.do(claim)
        plan = plan_named(context.services.plans, purchase.order.promise.plan)
        # A subscription has one price for ever, so what is cheaper once is a period alone.
        if plan is not None and plan.renewed and not purchase.order.promo:
            act = await _link(context, purchase)
        elif is_first or context.is_resumed:
            request = stars_request(purchase, context.language)
            await StarsGateway(context.calls).send_invoice(context.place, request)
            act = partial(menu.alert, context.translate("pay-invoice-below"))
        else:
            # The invoice came a moment ago.
            act = partial(menu.alert, context.translate("pay-invoice-above"))
    except PaymentError:
        act = partial(menu.refuse, context, "pay-no-invoice")
    except MerlinError as error:
        act = partial(menu.error_view, context, error)
    await context.show(act)


handlers.button("buy")(partial(_ask, find=_ordered))
handlers.button("order")(partial(_ask, find=_again))


async def _link(context: BotContext, purchase: Purchase) -> Callable[[], View]:
    """Return what shows where a subscription is paid; its address is asked for once."""
    request = stars_request(purchase, context.language)
    url = purchase.pay_url or (await StarsGateway(context.calls).create(request)).pay_url

    def act() -> View:
        Purchases(context.db).pending(purchase.purchase_id, "", url, purchase.expires_at)
        price = purchase.order.amount.format(context.language)
        label = context.translate("pay-button-subscribe", price=price)
        arguments = {"title": purchase.order.promise.titled(context.language), "price": price}
        return menu.say(context, "pay-subscribe", Button(label, url=url), TO_PLAN, **arguments)

    return act


log = get_logger(__name__)

_METHOD = "answerPreCheckoutQuery"


async def checkout(context: BotContext) -> None:
    """Answer whether the order may be paid now, then end the update."""
    try:
        reason = await context.store.read(lambda: why_not(context))
    except Exception:
        # The payer is not to wait for what may be broken longer than they do.
        log.exception("an order could not be read", update=context.update_id)
        reason = "pay-refused-broken"
    answer: dict[str, Any] = {"pre_checkout_query_id": context.query_id, "ok": not reason}
    if reason:
        answer["error_message"] = context.translate(reason)
    await context.calls.answer(_METHOD, answer)
    if reason:
        await context.end(UpdateState.REFUSED, reason)
    else:
        await context.end(UpdateState.ANSWERED)


def why_not(context: BotContext) -> str:
    """Return the key of why the payment may not be made, "" where it may."""
    query = context.stored.content
    try:
        purchase = Purchases(context.db).get(str(query.get("invoice_payload", "")))
    except NotFound:
        return "pay-refused-unknown"
    order = purchase.order
    price = (query.get("total_amount"), query.get("currency"))
    reasons = {
        "pay-refused-unknown": order.gateway is not Gateway.STARS,
        "pay-refused-not-yours": purchase.user_id != context.user_id,
        "pay-refused-blocked": context.user.is_blocked,
        "pay-refused-paid": purchase.state.is_paid,
        "pay-refused-old": not purchase.may_be_paid(context.services.clock())
        or not Promos(context.db).may_take(purchase),
        "pay-refused-price": price != (order.amount.minor, order.amount.currency.value),
    }
    return next((key for key, is_so in reasons.items() if is_so), "")


async def money_moved(context: BotContext) -> None:
    """Store what was paid or went back, however often that must be tried."""
    await retry_until_stored(
        context.services, lambda: _store(context), "a payment could not be stored"
    )
    kill_point("payment.after")


def _store(context: BotContext) -> None:
    paid, returned = read_payment(context.stored), read_refund(context.stored)
    if paid is not None:
        settlement.receive_payment(context.services, paid)
    elif returned is not None:
        settlement.receive_refund(context.services, returned)
    else:
        # No Stars: nothing that we sell is paid for so.
        log.error("a payment could not be read", update=context.update_id)
        arguments = {"user": str(context.user_id), "update": str(context.update_id)}
        once = f"unread:{context.update_id}"
        Notices(context.db).tell(ADMINS, "notice-payment-unread", arguments, once)
    context.finish(UpdateState.ANSWERED, "payment")


@handlers.button("renewal")
@menu.catch_errors
def renewal(context: BotContext) -> View:
    """Tell when a plan is paid next, and ask whether it is to stop."""
    mine = _own(context)
    at = context.moment(mine.next_at)
    title = plan_title(context.services.plans, mine.plan, context.language)
    arguments = {"title": title, "at": at, "till": mine.gateway.value}
    stop = ("pay-button-stop", f"renewal-off:{mine.renewal_id}", "danger")
    return menu.say(context, "pay-ask-stop", stop, TO_PLAN, **arguments)


def _own(context: BotContext) -> Renewal:
    """Return the renewal that a button names. Raises NotFound where it is off or not theirs."""
    try:
        return plans.find_renewal(context.services, buyer(context), context.number())
    except NotFound:
        raise NotFound("no such renewal", "pay-renewal-none") from None


@handlers.button("renewal-off")
@menu.catch_errors
def stop_renewal(context: BotContext) -> View:
    """Stop the renewal; the payment worker lets Telegram know of one in Stars."""
    mine = _own(context)
    plans.stop_renewal(context.services, buyer(context), mine.renewal_id)
    title = plan_title(context.services.plans, mine.plan, context.language)
    text = context.translate("pay-stopped", title=title)
    return replace(plan(context), alert=text, is_loud=True)


MOST = 10


@handlers.button("orders")
@menu.catch_errors
def orders(context: BotContext) -> View:
    """Show the newest orders; those in Stars that wait may be paid from here."""
    expire(context)
    mine = acts.list_orders(context.services, buyer(context), MOST)
    if not mine:
        return menu.say(context, "pay-no-orders", TO_PLAN)
    lines = [context.translate("pay-orders"), *(order_line(context, each) for each in mine)]
    language, now = context.language, context.services.clock()
    waiting = [
        Button(
            context.translate(
                "pay-button-order",
                title=each.order.promise.titled(language),
                price=each.order.amount.format(language),
            ),
            f"order:{each.purchase_id}",
        )
        for each in mine
        if each.order.gateway is Gateway.STARS and each.may_be_paid(now)
    ]
    return menu.message(context, "\n".join(lines), *waiting, TO_PLAN)


def order_line(context: BotContext, purchase: Purchase) -> str:
    """Return an order in one line: when, what, for how much, what became of it."""
    at = when(context, purchase.created_at)
    return context.translate(
        "pay-order",
        at=at,
        title=purchase.order.promise.titled(context.language),
        price=purchase.order.amount.format(context.language),
        state=state_words(context, purchase),
        number=purchase.number,
    )


def state_words(context: BotContext, purchase: Purchase) -> str:
    """Return what became of an order, with the reason of one that was canceled."""
    state = purchase.state
    if state.is_open and not purchase.may_be_paid(context.services.clock()):
        state = PurchaseState.EXPIRED
    text = context.translate(f"pay-state-{state.value}")
    if state is PurchaseState.CANCELED and purchase.reason:
        return f"{text} ({context.translate(reason_key(purchase.reason))})"
    return text
