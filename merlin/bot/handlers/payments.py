"""Payments for admins: totals of the month, purchases, refunds.

    purchase -> [all | a part (a step)] -> reason (a step) -> sure -> requested; its gateway sends

Stars are refunded in full only. The ledger revokes what was granted together with the refund.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from merlin.account.users import Users
from merlin.app import payments
from merlin.app.bot_settings import Settings
from merlin.app.inbox import Dialog
from merlin.app.orders import OrderDetails
from merlin.app.reconciliation import read_last_comparison
from merlin.billing.purchases import Purchase
from merlin.billing.refunds import MAX_REASON_LENGTH, Refund, parse_refund
from merlin.billing.report import Total, count_tests, sum_by_gateway
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.orders import order_line, order_state
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import AS_NEW_MESSAGE, Handlers
from merlin.bot.rendering import format_time, reference_name
from merlin.core.clock import start_of_day
from merlin.core.errors import NotFound
from merlin.core.formatted_text import Button
from merlin.core.i18n import text
from merlin.core.money import Amount, Currency
from merlin.core.permissions import Permission
from merlin.db.audit import person_reference
from merlin.providers.payments import Gateway

handlers = Handlers(Permission.REFUNDS)


@handlers.button("a-buys")
def list_purchases(context: BotContext) -> View:
    """Show a page of a user's purchases, newest first."""
    user_id, purchases = context.number(), list[Purchase]()
    if user_id:
        limit = menu.items_to_read(context.number(1))
        purchases = payments.list_payments(*context.caller, limit, whose=str(user_id))
    who = reference_name(context.services, person_reference(user_id), context.language)
    back = menu.back(f"a-user:{user_id}" if Users(context.db).get(user_id) else "a-pay")
    title, keys = context.translate("pay-admin-of", who=who), ("", "pay-admin-none")
    entry, data = partial(purchase_button, context), f"a-buys:{user_id}"
    return menu.list_card(context, title, keys, purchases, entry, data, back, place=1)


def purchase_button(context: BotContext, purchase: Purchase) -> Button:
    """Return the button that opens an order."""
    line = order_line(context, purchase).removeprefix("• ")
    return Button(line, f"a-buy:{purchase.purchase_id}")


@handlers.button("a-buy")
def show_purchase(context: BotContext, purchase_id: str = "") -> View:
    """Show a purchase, by default that of the callback data. Raises NotFound."""
    order_id = purchase_id or context.argument(0)
    details = payments.show_payment(*context.caller, order_id)
    purchase, language = details.purchase, context.language
    payer = person_reference(purchase.user_id)
    summary = text(
        language,
        "pay-admin-what",
        who=reference_name(context.services, payer, language) if purchase.user_id else "—",
        price=purchase.amount.format(language),
        gateway=text(language, f"pay-gateway-{purchase.order.gateway.value}"),
        state=order_state(context, purchase),
        at=context.moment(purchase.created_at),
        number=purchase.number,
    )
    # One button for each payment that can be refunded; of several, with its time.
    paid_at = {entry.entry_id: format_time(context, entry.at) for entry in details.entries}
    refunds = []
    for grant_id, rest in details.refundable.items():
        label = context.translate("pay-admin-back", price=rest.format(language))
        if len(details.refundable) > 1:
            label = f"{label} · {paid_at[grant_id]}"
        refunds.append(Button(label, f"a-back:{grant_id}:{purchase.purchase_id}"))
    entries = (
        context.translate(
            "pay-admin-entry",
            at=format_time(context, entry.at),
            kind=entry.kind.value,
            price=entry.amount.format(language),
        )
        for entry in details.entries
    )
    back = menu.back(f"a-buys:{purchase.user_id}:0" if purchase.user_id else "a-pay")
    return menu.card(
        context,
        purchase.order.promise.title_in(language),
        summary,
        "\n".join(entries),
        "\n".join(_refund_line(context, refund) for refund in details.refunds),
        rows=(*refunds, back),
    )


def _refund_line(context: BotContext, refund: Refund) -> str:
    line = context.translate(
        "pay-admin-refund",
        at=format_time(context, refund.at),
        price=refund.amount.format(context.language),
        state=refund.state.value,
        by=reference_name(context.services, refund.by, context.language),
        reason=refund.reason or "—",
    )
    return f"{line} {refund.trouble}".rstrip()


_GATEWAYS = {Gateway.STARS: Currency.XTR, Gateway.YOOKASSA: Currency.RUB}


@handlers.button("a-pay")
def payments_home(context: BotContext) -> View:
    """Show the totals of the month and when Stars were last compared with Telegram."""
    comparison, last = "", read_last_comparison(Settings(context.db))
    if last.at is not None:
        at = context.moment(last.at)
        comparison = context.translate("pay-admin-compared", at=at, count=len(last.differences))
    title, month = context.translate("pay-admin-title"), "\n".join(_month_lines(context))
    return menu.card(
        context, title, month, comparison, rows=(("pay-admin-newest", "a-pays"), admin.HOME)
    )


def _month_lines(context: BotContext) -> list[str]:
    """Return a line per gateway with this month's payments and refunds; tests are separate."""
    now, zone = context.services.clock(), context.zone
    first = start_of_day(now.astimezone(zone).date().replace(day=1), zone)
    entries = payments.list_entries(*context.caller, first, now)
    lines = []
    totals_by_gateway = {
        total.gateway: total for total in sum_by_gateway(entry for entry, _ in entries)
    }
    for gateway, currency in _GATEWAYS.items():
        total = totals_by_gateway.get(gateway) or Total(gateway=gateway, currency=currency)
        arguments = {
            "gateway": context.translate(f"pay-gateway-{gateway.value}"),
            "came": total.amount(total.paid).format(context.language),
            "count": total.payments,
            "back": total.amount(total.returned).format(context.language),
        }
        lines.append(context.translate("pay-admin-month", **arguments))
    if tests := count_tests(entry for entry, _ in entries):
        lines.append(context.translate("page-test-payments", count=tests))
    return lines


@handlers.button("a-pays")
def show_newest_payments(context: BotContext) -> View:
    """Show a page of all purchases; the callback data names the last one before the page."""
    before = next((argument for argument in context.arguments if argument != AS_NEW_MESSAGE), "")
    purchases = payments.list_payments(*context.caller, PAGE_SIZE + 1, before)
    page_items = purchases[:PAGE_SIZE]
    is_more = len(purchases) > PAGE_SIZE
    page_row = (
        bool(before) and Button("«", "a-pays"),
        is_more and Button("›", f"a-pays:{page_items[-1].purchase_id}"),
    )
    rows: menu.Rows = (
        *(purchase_button(context, purchase) for purchase in page_items),
        page_row,
        menu.back("a-pay"),
    )
    message = "" if purchases else context.translate("pay-admin-none")
    return menu.card(context, context.translate("pay-admin-newest"), message, rows=rows)


PART = "admin-refund-part"
REASON = "admin-refund"
SURE = "admin-refund-sure"


@handlers.button("a-back", "a-back-all")
def choose_refund(context: BotContext) -> View:
    """Ask for the amount of a refund, or for the reason, because Stars are refunded in full."""
    grant, purchase_id = context.number(), context.argument(1)
    details, rest = _refundable(context, grant, purchase_id)
    order, values = details.purchase.order, {"grant": grant, "purchase": purchase_id}
    if context.verb == "a-back-all" or order.gateway is Gateway.STARS:
        return _ask_reason(context, {**values, "amount": None})
    context.wait(Dialog(PART, values))
    rows: menu.Rows = (
        ("pay-admin-all", f"a-back-all:{grant}:{purchase_id}"),
        menu.back_or_cancel(context, f"a-buy:{purchase_id}"),
    )
    message = context.translate("pay-admin-ask-part", rest=rest.format(context.language))
    return menu.card(context, order.promise.title_in(context.language), message, rows=rows)


def _refundable(
    context: BotContext, grant_id: int, purchase_id: str
) -> tuple[OrderDetails, Amount]:
    """Return the purchase of a grant and its refundable amount. Raises NotFound."""
    details = payments.show_payment(*context.caller, purchase_id)
    return details, details.remaining_amounts[payments.grant_to_refund(details, grant_id)]


@handlers.step(PART)
def take_amount(context: BotContext) -> View:
    """Take the amount of the message. Raises Refused for an invalid amount."""
    values = context.dialog_values
    _, rest = _refundable(context, values["grant"], values["purchase"])
    amount = parse_refund(context.text, rest, context.language)
    return _ask_reason(context, {**values, "amount": amount.minor})


def _ask_reason(context: BotContext, values: Mapping[str, Any]) -> View:
    back, key = f"a-buy:{values['purchase']}", "pay-admin-ask-reason"
    return menu.form(context, key, back, step=REASON, values=values, most=MAX_REASON_LENGTH)


@handlers.step(REASON)
def reason(context: BotContext) -> View:
    """Take the reason of the message and ask for confirmation."""
    values = context.dialog_values
    reason = " ".join(context.text.split())[:MAX_REASON_LENGTH]
    if not reason:
        return _ask_reason(context, values)
    details, rest = _refundable(context, values["grant"], values["purchase"])
    purchase, minor = details.purchase, values["amount"]
    amount = rest if minor is None else Amount(minor, rest.currency)
    values_with_reason = {**values, "reason": reason, "asked": context.update_id}
    context.wait(Dialog(SURE, values_with_reason))
    message = context.translate(
        "pay-admin-ask-refund",
        price=amount.format(context.language),
        title=purchase.order.promise.title_in(context.language),
        user=str(purchase.user_id),
        reason=reason,
        whole="yes" if amount == rest else "no",
        gateway=purchase.order.gateway.value,
    )
    return _confirm_refund(context, message, values_with_reason)


def _confirm_refund(context: BotContext, message: str, values: Mapping[str, Any]) -> View:
    sure = ("pay-admin-refund-yes", f"a-back-yes:{values['asked']}")
    return menu.confirmation_card(context, message, sure, f"a-buy:{values['purchase']}")


@handlers.step(SURE)
def repeat_confirmation(context: BotContext) -> View:
    """Ask to press the button instead of writing."""
    return _confirm_refund(context, context.translate("pay-admin-press"), context.dialog_values)


@handlers.button("a-back-yes")
def refund(context: BotContext) -> View:
    """Request the refund; the process that owns the gateway sends it. Raises Refused."""
    refund_id, values = context.number(), context.dialog_values
    if context.step != SURE or values["asked"] != refund_id:
        raise NotFound("not asked", "bot-button-old")
    purchase_id, grant, minor = values["purchase"], values["grant"], values["amount"]
    once = context.key_of_update(refund_id)
    payments.request_refund(*context.caller, purchase_id, grant, minor, values["reason"], once)
    context.stop_waiting()
    alert = context.translate("pay-admin-refund-started")
    return replace(show_purchase(context, purchase_id), alert=alert)
