"""Orders and their payment in Stars: invoice in the chat, pre-checkout query, payment.

An invoice sent twice is harmless: both name the same order, and an order is paid once.

A pre-checkout query is answered after a single read and before anything is stored, because Telegram
waits only ten seconds. Payments and refunds of Stars are stored in the transaction that finishes
the update; the thanks are a notice of the same transaction, so they are sent once even if the
update comes twice.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from merlin.app import orders as acts, settlement
from merlin.app.settlement import reason_key
from merlin.app.shop import gives_something, place_order
from merlin.app.subscriptions import find_running
from merlin.billing.purchases import Purchase, Purchases, PurchaseState
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers.plans import TO_PLAN, require_offered_plan
from merlin.bot.menu import View
from merlin.bot.processor import retry_until_stored
from merlin.bot.registry import Handlers
from merlin.bot.rendering import format_time
from merlin.bot.stars import StarsGateway, read_payment, read_refund, stars_request
from merlin.chat.turns import UpdateState
from merlin.core.errors import MerlinError, NotFound, PaymentError, Refused
from merlin.core.formatted_text import Button
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.db.notices import ADMINS, Notices
from merlin.providers.payments import Gateway

log = get_logger(__name__)

handlers = Handlers()
# Taps within this time after an invoice count as one.
REPEAT_WINDOW = timedelta(seconds=20)


def _place_order(context: BotContext) -> Purchase:
    """Store a new order. Raises NotFound, Refused."""
    plan = require_offered_plan(context)
    return place_order(*context.caller_without_roles, plan.name, Gateway.STARS)


def _find_open_order(context: BotContext) -> Purchase:
    """Return an open order of the user. Raises NotFound, Refused."""
    purchase = acts.show_order(*context.caller_without_roles, context.argument(0))
    if purchase.order.gateway is not Gateway.STARS:
        raise NotFound("not theirs", "billing-no-purchase")
    if not purchase.may_be_paid(context.services.clock()):
        key = "pay-refused-paid" if purchase.state.is_paid else "pay-refused-old"
        raise Refused("not open", key)
    return purchase


async def _request_payment(
    context: BotContext, find: Callable[[BotContext], Purchase]
) -> None:
    """Show how to pay the order that `find` returns, or an error. Raises ChatUnreachable."""
    try:
        purchase = await context.store.do(partial(find, context))
        sent_at = purchase.asked_at
        now = context.services.clock()
        is_again = sent_at is not None and abs(now - sent_at) < REPEAT_WINDOW
        # A link replaces the message with its button, and is made again for it.
        has_invoice = is_again and not purchase.order.promise.renews
        if has_invoice and not context.is_resumed:
            show_view = partial(menu.alert, context.translate("pay-invoice-above"))
        else:
            request = stars_request(purchase, context.language)
            gateway = StarsGateway(context.bot_api)
            if purchase.order.promise.renews:
                link = await gateway.create_link(request)
                show_view = partial(_show_link, context, purchase, link)
            else:
                await gateway.send_invoice(context.place, request)
                show_view = partial(_confirm_invoice, context, purchase.purchase_id)
    except PaymentError:
        show_view = partial(menu.refusal, context, "pay-no-invoice")
    except MerlinError as error:
        show_view = partial(menu.error_view, context, error)
    await context.show(show_view)


handlers.button("buy")(partial(_request_payment, find=_place_order))
handlers.button("order")(partial(_request_payment, find=_find_open_order))


def _confirm_invoice(context: BotContext, purchase_id: str) -> View:
    """Store that the invoice was sent now, and say where it is."""
    Purchases(context.db).claim_call(purchase_id, context.services.clock(), timedelta())
    return menu.alert(context.translate("pay-invoice-below"))


def _show_link(context: BotContext, purchase: Purchase, link: str) -> View:
    """Store that the link was made now, and show it: an invoice in a message cannot renew."""
    Purchases(context.db).claim_call(
        purchase.purchase_id, context.services.clock(), timedelta()
    )
    price = purchase.order.amount.format(context.language)
    label = context.translate("pay-button-subscribe", price=price)
    text = context.translate("pay-subscribe", price=price)
    title = purchase.order.promise.title_in(context.language)
    return menu.card(context, title, text, rows=(Button(label, url=link), TO_PLAN))


async def answer_checkout(context: BotContext) -> None:
    """Answer a pre-checkout query, then finish the update."""
    try:
        reason = await context.store.read(lambda: refusal_reason(context))
    except Exception:
        # Answer in time even if the database is down for long.
        log.exception("an order could not be read", update=context.update_id)
        reason = "pay-refused-broken"
    query = context.received.pre_checkout_query
    answer: dict[str, Any] = {
        "pre_checkout_query_id": query and query.id,
        "ok": not reason,
    }
    if reason:
        answer["error_message"] = context.translate(reason)
    await context.bot_api.try_call("answerPreCheckoutQuery", answer)
    state = UpdateState.REFUSED if reason else UpdateState.ANSWERED
    await context.finish_silently(state, reason)


def refusal_reason(context: BotContext) -> str:
    """Return the key of the reason why the payment is refused, "" if it may be made."""
    query = context.received.pre_checkout_query
    try:
        purchase = Purchases(context.db).get(query.invoice_payload if query else "")
    except NotFound:
        return "pay-refused-unknown"
    order = purchase.order
    price = (query.total_amount, query.currency) if query else None
    running = find_running(context.services, context.user_id, order.promise.plan)
    reasons = {
        "pay-refused-unknown": order.gateway is not Gateway.STARS,
        "pay-refused-not-yours": purchase.user_id != context.user_id,
        "pay-refused-blocked": context.user.is_blocked,
        "pay-refused-paid": purchase.state.is_paid,
        "billing-renews-already": order.promise.renews and running is not None,
        "pay-refused-old": not purchase.may_be_paid(context.services.clock())
        or not gives_something(context.services, order),
        "pay-refused-price": price != (order.amount.minor, order.amount.currency.value),
    }
    return next((key for key, applies in reasons.items() if applies), "")


async def receive_payment_update(context: BotContext) -> None:
    """Store a payment or refund, retrying until it succeeds."""
    await retry_until_stored(
        context.services,
        lambda: _store_payment(context),
        "a payment could not be stored",
    )
    kill_point("payment.after")


def _store_payment(context: BotContext) -> None:
    paid = read_payment(context.received)
    returned = read_refund(context.received)
    if paid is not None:
        settlement.receive_payment(context.services, paid)
    elif returned is not None:
        settlement.receive_refund(context.services, returned)
    else:
        # Not in Stars, so not a payment for anything sold here.
        log.error("a payment could not be read", update=context.update_id)
        arguments = {"user": str(context.user_id), "update": str(context.update_id)}
        once = f"unread:{context.update_id}"
        Notices(context.db).notify(ADMINS, "notice-payment-unread", arguments, once)
    context.finish(UpdateState.ANSWERED, "payment")


@handlers.button("orders")
def orders(context: BotContext) -> View:
    """Show a page of the orders, newest first, with buttons to pay the open ones in Stars."""
    newest = acts.list_orders(
        *context.caller_without_roles, menu.items_to_read(context.number())
    )
    purchases, number = menu.paginate(newest, context.number())
    if not purchases:
        return menu.text_view(context, "pay-no-orders", TO_PLAN)
    lines = [
        context.translate("pay-orders"),
        *(order_line(context, purchase) for purchase in purchases),
    ]
    language = context.language
    now = context.services.clock()
    pay_buttons = [
        Button(
            context.translate(
                "pay-button-order",
                title=purchase.order.promise.title_in(language),
                price=purchase.order.amount.format(language),
            ),
            f"order:{purchase.purchase_id}",
        )
        for purchase in purchases
        if purchase.order.gateway is Gateway.STARS and purchase.may_be_paid(now)
    ]
    page_row = menu.page_buttons("orders", number, len(newest))
    return menu.message(context, "\n".join(lines), *pay_buttons, *page_row, TO_PLAN)


def order_line(context: BotContext, purchase: Purchase) -> str:
    """Return an order in one line: date, title, price, state, number."""
    return context.translate(
        "pay-order",
        at=format_time(context, purchase.created_at),
        title=purchase.order.promise.title_in(context.language),
        price=purchase.amount.format(context.language),
        state=order_state(context, purchase),
        number=purchase.number,
    )


def order_state(context: BotContext, purchase: Purchase) -> str:
    """Return the state of an order, with the reason if it was canceled."""
    state = purchase.state_at(context.services.clock())
    text = context.translate(f"page-order-{state.value}")
    if state is PurchaseState.CANCELED and purchase.reason:
        return f"{text} ({context.translate(reason_key(purchase.reason))})"
    return text
