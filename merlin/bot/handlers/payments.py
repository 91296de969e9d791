"""Payments for admins: sums of the month, purchases, refunds, promo codes.

    code: list -> code -> stop (asked once more)
               -> plan -> "CODE 20%" or "CODE 7" (a step) -> made
    purchase -> [all | a part (a step)] -> reason (a step) -> sure -> requested; its gateway sends

Stars go back whole. What was granted is taken back by the ledger, with the money.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import Any

from merlin.account.users import User, Users
from merlin.app import payments
from merlin.app.inbox import Dialog
from merlin.app.orders import OrderDetails
from merlin.app.reconciliation import last_comparison
from merlin.app.texts import Settings
from merlin.billing.promo_codes import Promo, StoredPromo
from merlin.billing.purchases import Purchase
from merlin.billing.quota import plan_named, plan_title
from merlin.billing.refunds import MAX_REASON_LENGTH, Refund
from merlin.billing.report import Total, count_tests, day_start, totals
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import short_hash
from merlin.bot.handlers.orders import order_line, state_words
from merlin.bot.menu import PAGE_SIZE, View
from merlin.bot.registry import ADMIN_STEP, AS_NEW_MESSAGE, Handlers
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import Button
from merlin.core.i18n import text
from merlin.core.money import Amount, Currency, roubles
from merlin.core.permissions import Permission
from merlin.providers.payments import Gateway

handlers = Handlers()
ADDING = f"{ADMIN_STEP}code"
# "SUMMER 20% 100": the code, what it gives (percent, or days), for how many people.
_WRITTEN = re.compile(r"(\S+)\s+(\d{1,4})\s*(%?)(?:\s+(\d{1,6}))?")


@handlers.button("a-codes", needs=Permission.REFUNDS)
def list_codes(context: BotContext) -> View:
    """Show a page of the codes, the newest first."""

    def entry(each: StoredPromo) -> Button:
        mark = "⏹ " if each.stopped else ""
        label = f"{mark}{each.code} · {_gives(context, each)}"
        return Button(label, f"a-code:{short_hash(each.code)}")

    codes = payments.list_codes(context.services, admin.actor(context))
    title, keys = context.translate("pay-admin-codes"), ("", "pay-admin-no-codes")
    more = (("pay-admin-code-add", "a-code-add"), menu.back("a-pay"))
    return menu.list_card(context, title, keys, codes, entry, "a-codes", *more)


def _gives(context: BotContext, promo: Promo) -> str:
    if promo.percent:
        return "−" + context.translate("page-percent", share=promo.percent)
    return context.translate("people-days", days=promo.days)


def _of(context: BotContext) -> StoredPromo:
    """Return the code that a button names. Raises NotFound."""
    codes = payments.list_codes(context.services, admin.actor(context))
    return admin.find_by_hash(context, codes, lambda each: each.code, key="promo-unknown")


@handlers.button("a-code", needs=Permission.REFUNDS)
def show_code(context: BotContext) -> View:
    """Show one code."""
    promo = _of(context)
    message = context.translate(
        "pay-admin-code-what",
        plan=plan_title(context.services.plans, promo.plan, context.language),
        gives=_gives(context, promo),
        uses=promo.uses,
        most="—" if promo.most_uses is None else str(promo.most_uses),
        until=context.moment(promo.ends_at) if promo.ends_at else "—",
        state="stopped" if promo.stopped else "on",
        by=promo.by,
    )
    stop = ("pay-admin-code-stop", f"a-code-off:{short_hash(promo.code)}", "danger")
    rows = (not promo.stopped and stop, menu.back("a-codes:0"))
    return menu.card(context, promo.code, message, rows=rows)


@handlers.button("a-code-off", needs=Permission.REFUNDS, twice=True)
def stop_code(context: BotContext) -> View:
    """Let nobody use the code any more."""
    code = _of(context).code
    mark = short_hash(code)
    if not menu.is_sure(context):
        message = context.translate("pay-admin-code-ask-stop", code=code)
        return menu.confirm(context, message, "pay-admin-code-stop", f"a-code:{mark}", mark)
    payments.stop_code(context.services, admin.actor(context), code)
    return replace(show_code(context), alert=context.translate("pay-admin-code-stopped"))


@handlers.button("a-code-add", needs=Permission.REFUNDS)
def choose_code_plan(context: BotContext) -> View:
    """Ask what the code is for."""
    buttons = [
        Button(plan.titled(context.language), f"a-code-for:{short_hash(plan.name)}")
        for plan in context.services.plans[1:]
    ]
    title, words = context.translate("pay-admin-code-add"), context.translate("pay-admin-code-for")
    return menu.card(context, title, words, rows=(*buttons, menu.back("a-codes:0")))


@handlers.button("a-code-for", needs=Permission.REFUNDS)
def ask_code(context: BotContext) -> View:
    """Ask for the code and what it gives."""
    plan = admin.find_by_hash(context, context.services.plans[1:], attrgetter("name"))
    values, title = {"plan": plan.name}, plan.titled(context.language)
    key = "pay-admin-code-write"
    return menu.form(context, key, "a-codes:0", step=ADDING, values=values, title=title)


@handlers.step(ADDING, needs=Permission.REFUNDS)
def add_code(context: BotContext) -> View:
    """Make the code that was written. Raises Refused for one that is none."""
    found = _WRITTEN.fullmatch(context.text.strip())
    plan = plan_named(context.services.plans[1:], context.dialog_values.get("plan", ""))
    if plan is None:
        raise NotFound("no such plan", "bot-button-old")
    if found is None:
        raise Refused("not understood", "pay-admin-code-wrong")
    code, count, percent, most = found.groups()
    if plan.is_pack and not percent:
        raise Refused("a pack has no days", "pay-admin-code-pack")
    days, off = (0, int(count)) if percent else (int(count), 0)
    actor = admin.actor(context)
    promo = Promo(code, plan.name, days, off, int(most) if most else None, by=actor.name)
    payments.add_code(context.services, actor, promo)
    context.stop_waiting()
    return list_codes(context)


_MOST = 200


@handlers.button("a-buys", needs=Permission.REFUNDS)
def list_purchases(context: BotContext) -> View:
    """Show a page of what a person bought, the newest first."""
    user_id, actor, found = context.number(), admin.actor(context), []
    if user_id:
        found = payments.list_payments(context.services, actor, _MOST, whose=str(user_id))
    person = Users(context.db).get(user_id)
    who = _who(person) if person is not None else f"— · {user_id}"
    back = menu.back(f"a-user:{user_id}" if person is not None else "a-pay")
    title, keys = context.translate("pay-admin-of", who=who), ("", "pay-admin-none")
    entry, data = partial(purchase_button, context), f"a-buys:{user_id}"
    return menu.list_card(context, title, keys, found, entry, data, back, place=1)


def _who(person: User) -> str:
    return f"{person.shown_name or '—'} · {person.user_id}"


def purchase_button(context: BotContext, purchase: Purchase) -> Button:
    """Return the button of an order that opens it."""
    line = order_line(context, purchase).removeprefix("• ")
    return Button(line, f"a-buy:{purchase.purchase_id}")


@handlers.button("a-buy", needs=Permission.REFUNDS)
def show_purchase(context: BotContext, purchase_id: str = "") -> View:
    """Show one purchase, or this one, with what can be done. Raises NotFound."""
    number = purchase_id or context.argument(0)
    details = payments.show_payment(context.services, admin.actor(context), number)
    purchase, language = details.purchase, context.language
    person = Users(context.db).get(purchase.user_id) if purchase.user_id else None
    what = text(
        language,
        "pay-admin-what",
        who=_who(person) if person is not None else "—",
        price=purchase.order.amount.format(language),
        till=text(language, f"pay-till-{purchase.order.gateway.value}"),
        state=state_words(context, purchase),
        at=context.moment(purchase.created_at),
        number=purchase.number,
    )
    # A row for each payment of which something can go back.
    refunds = [
        Button(
            context.translate("pay-admin-back", price=rest.format(language)),
            f"a-back:{grant_id}:{purchase.purchase_id}",
        )
        for grant_id, rest in details.refundable.items()
    ]
    entries = (
        context.translate(
            "pay-admin-entry",
            at=admin.when(context, entry.at),
            kind=entry.kind.value,
            price=entry.amount.format(language),
        )
        for entry in details.entries
    )
    back = menu.back(f"a-buys:{purchase.user_id}:0" if purchase.user_id else "a-pay")
    promo = purchase.order.promo
    return menu.card(
        context,
        purchase.order.promise.titled(language),
        admin.join_lines(what, text(language, "pay-admin-code", code=promo) if promo else ""),
        "\n".join(entries),
        "\n".join(_refund_line(context, each) for each in details.refunds),
        rows=(*refunds, back),
    )


def _refund_line(context: BotContext, refund: Refund) -> str:
    line = context.translate(
        "pay-admin-refund",
        at=admin.when(context, refund.at),
        price=refund.amount.format(context.language),
        state=refund.state.value,
        by=refund.by,
        reason=refund.reason or "—",
    )
    return f"{line} {refund.trouble}".rstrip()


_GATEWAYS = {Gateway.STARS: Currency.XTR, Gateway.YOOKASSA: Currency.RUB}


@handlers.button("a-pay", needs=Permission.REFUNDS)
def payments_home(context: BotContext) -> View:
    """Show what the month has brought, and when Stars were last held against Telegram's list."""
    compared, last = "", last_comparison(Settings(context.db))
    if last.at is not None:
        at = context.moment(last.at)
        compared = context.translate("pay-admin-compared", at=at, count=len(last.differences))
    ways = (("pay-admin-newest", "a-pays"), ("pay-admin-codes", "a-codes:0"))
    title, month = context.translate("pay-admin-title"), "\n".join(_month(context))
    return menu.card(context, title, month, compared, rows=(ways, admin.HOME))


def _month(context: BotContext) -> list[str]:
    """Return what came in and went back this month, a line a gateway; tests are told apart."""
    now, zone = context.services.clock(), context.zone
    first = day_start(now.astimezone(zone).date().replace(day=1), zone)
    entries = payments.list_entries(context.services, admin.actor(context), first, now)
    lines = []
    brought = {each.gateway: each for each in totals(entry for entry, _ in entries)}
    for gateway, currency in _GATEWAYS.items():
        total = brought.get(gateway) or Total(gateway=gateway, currency=currency)
        arguments = {
            "till": context.translate(f"pay-till-{gateway.value}"),
            "came": total.amount(total.paid).format(context.language),
            "count": total.payments,
            "back": total.amount(total.returned).format(context.language),
        }
        lines.append(context.translate("pay-admin-month", **arguments))
    if tests := count_tests(entry for entry, _ in entries):
        lines.append(context.translate("page-tests-apart", count=tests))
    return lines


@handlers.button("a-pays", needs=Permission.REFUNDS)
def newest_payments(context: BotContext) -> View:
    """Show a page of everybody's purchases; a button's data names the one before the page."""
    before = next((argument for argument in context.arguments if argument != AS_NEW_MESSAGE), "")
    found = payments.list_payments(context.services, admin.actor(context), PAGE_SIZE + 1, before)
    here = found[:PAGE_SIZE]
    is_more = len(found) > PAGE_SIZE
    turn = (
        bool(before) and Button("«", "a-pays"),
        is_more and Button("›", f"a-pays:{here[-1].purchase_id}"),
    )
    rows: menu.Rows = (
        *(purchase_button(context, each) for each in here),
        turn,
        menu.back("a-pay"),
    )
    message = "" if found else context.translate("pay-admin-none")
    return menu.card(context, context.translate("pay-admin-newest"), message, rows=rows)


PART = f"{ADMIN_STEP}refund-part"
REASON = f"{ADMIN_STEP}refund"
SURE = f"{ADMIN_STEP}refund-sure"


@handlers.button("a-back", "a-back-all", needs=Permission.REFUNDS)
def choose_refund(context: BotContext) -> View:
    """Ask how much is to go back; then, as for Stars, which go back whole, for the reason."""
    grant, purchase_id = context.number(), context.argument(1)
    details, rest = _granted(context, grant, purchase_id)
    order, values = details.purchase.order, {"grant": grant, "purchase": purchase_id}
    if context.verb == "a-back-all" or order.gateway is Gateway.STARS:
        return _asks_reason(context, {**values, "amount": None})
    context.wait(Dialog(PART, values))
    rows: menu.Rows = (
        ("pay-admin-all", f"a-back-all:{grant}:{purchase_id}"),
        menu.back_or_cancel(f"a-buy:{purchase_id}"),
    )
    message = context.translate("pay-admin-ask-part", rest=rest.format(context.language))
    return menu.card(context, order.promise.titled(context.language), message, rows=rows)


def _granted(context: BotContext, grant_id: int, purchase_id: str) -> tuple[OrderDetails, Amount]:
    """Return the purchase of a grant, and what of it can go back. Raises NotFound."""
    details = payments.show_payment(context.services, admin.actor(context), purchase_id)
    rest = details.rests.get(grant_id)
    if rest is None:
        raise NotFound(f"no grant {grant_id}", "bot-button-old")
    return details, rest


@handlers.step(PART, needs=Permission.REFUNDS)
def part(context: BotContext) -> View:
    """Take the sum that was written. Raises Refused for one that cannot go back."""
    values = context.dialog_values
    _, rest = _granted(context, values["grant"], values["purchase"])
    limit = rest.format(context.language)
    try:
        requested = roubles(context.text.strip().replace(" ", "").replace(",", "."))
    except ValueError:
        raise Refused("no amount", "pay-admin-no-amount", rest=limit) from None
    if rest.currency is not Currency.RUB or not 0 < requested.minor <= rest.minor:
        raise Refused("too much", "billing-refund-too-much", rest=limit)
    return _asks_reason(context, {**values, "amount": requested.minor})


def _asks_reason(context: BotContext, values: Mapping[str, Any]) -> View:
    back, key = f"a-buy:{values['purchase']}", "pay-admin-ask-reason"
    return menu.form(context, key, back, step=REASON, values=values, most=MAX_REASON_LENGTH)


@handlers.step(REASON, needs=Permission.REFUNDS)
def reason(context: BotContext) -> View:
    """Take the reason that was written, and ask whether the refund is meant."""
    values = context.dialog_values
    why = " ".join(context.text.split())[:MAX_REASON_LENGTH]
    if not why:
        return _asks_reason(context, values)
    details, rest = _granted(context, values["grant"], values["purchase"])
    purchase, minor = details.purchase, values["amount"]
    amount = rest if minor is None else Amount(minor, Currency.RUB)
    kept = {**values, "reason": why, "asked": context.update_id}
    context.wait(Dialog(SURE, kept))
    message = context.translate(
        "pay-admin-ask-refund",
        price=amount.format(context.language),
        title=purchase.order.promise.titled(context.language),
        user=str(purchase.user_id),
        reason=why,
        whole="yes" if amount == rest else "no",
        till=purchase.order.gateway.value,
    )
    return _asks_refund(context, message, kept)


def _asks_refund(context: BotContext, message: str, values: Mapping[str, Any]) -> View:
    sure = ("pay-admin-refund-yes", f"a-back-yes:{values['asked']}")
    return menu.second_question(context, message, sure, f"a-buy:{values['purchase']}")


@handlers.step(SURE, needs=Permission.REFUNDS)
def typed_again(context: BotContext) -> View:
    """Ask for the button where something was written instead."""
    return _asks_refund(context, context.translate("pay-admin-press"), context.dialog_values)


@handlers.button("a-back-yes", needs=Permission.REFUNDS)
def refund(context: BotContext) -> View:
    """Ask for the refund, which whoever owns the gateway sends. Raises Refused."""
    refund_id, values = context.number(), context.dialog_values
    if context.dialog is None or context.dialog.step != SURE or values["asked"] != refund_id:
        raise NotFound("not asked", "bot-button-old")
    purchase_id, grant, minor = values["purchase"], values["grant"], values["amount"]
    payments.request_refund(
        *admin.performer(context),
        purchase_id,
        grant,
        minor,
        values["reason"],
        f"update:{refund_id}",
    )
    alert = context.translate("pay-admin-refund-wished")
    return replace(show_purchase(context, purchase_id), alert=alert)
