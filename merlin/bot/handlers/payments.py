"""Payments for admins: sums of the month, purchases, refunds, promo codes.

    code: list -> code -> stop (asked once more)
               -> plan -> "CODE 20%" or "CODE 7" (a step) -> made
    purchase -> [all | a part (a step)] -> reason (a step) -> sure -> requested; its gateway sends

Stars go back whole. What was granted is taken back by the ledger, with the money.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, time
from functools import partial
from typing import Any

from merlin.account.users import Users
from merlin.app import payments
from merlin.app.inbox import Dialog
from merlin.app.payments import PaymentDetails
from merlin.app.reconciliation import last_comparison
from merlin.app.texts import Settings
from merlin.billing.ledger import Entry
from merlin.billing.plan import Plan
from merlin.billing.promo_codes import Listed, Promo
from merlin.billing.purchases import Purchase
from merlin.billing.refunds import MOST_REASON, Refund
from merlin.billing.report import Total, totals
from merlin.bot import menu
from merlin.bot.context import BotApplication, BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import add_admin_handlers, to_admin_home
from merlin.bot.handlers.orders import order_line, state_words, titled
from merlin.bot.menu import PAGE_SIZE, View
from merlin.core import i18n
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import Button, button_rows
from merlin.core.i18n import text
from merlin.core.money import Amount, Currency, roubles
from merlin.core.permissions import Permission
from merlin.providers.payments import Gateway

ADDING = f"{admin.STEP}code"
# "SUMMER 20% 100": the code, what it gives (percent, or days), for how many people.
_WRITTEN = re.compile(r"(\S+)\s+(\d{1,4})\s*(%?)(?:\s+(\d{1,6}))?")


def list_codes(context: BotContext) -> View:
    """Show a page of the codes, the newest first."""
    found = payments.list_codes(context.billing, admin.actor(context))
    codes = menu.list_rows(found, context.number(), "a-codes", partial(_entry, context))
    add = (menu.button(context, "pay-admin-code-add", "a-code-add"),)
    words = context.translate("pay-admin-no-codes") if not found else ""
    title = context.translate("pay-admin-codes")
    return menu.card(title, words, rows=[*codes, add, menu.back(context, "a-pay")])


def _entry(context: BotContext, each: Listed) -> Button:
    mark = "⏹ " if each.is_stopped else ""
    label = f"{mark}{each.promo.code} · {_gives(context, each.promo)}"
    return Button(label, f"a-code:{admin.short(each.promo.code)}")


def _gives(context: BotContext, promo: Promo) -> str:
    if promo.percent:
        return f"−{promo.percent} %"
    return context.translate("people-days", days=promo.days)


def _of(context: BotContext) -> Listed:
    """Return the code that a button names. Raises NotFound."""
    for each in payments.list_codes(context.billing, admin.actor(context)):
        if admin.short(each.promo.code) == context.argument(0):
            return each
    raise NotFound("no such code", "promo-unknown")


def show_code(context: BotContext) -> View:
    """Show one code."""
    return _card(context, _of(context))


def _card(context: BotContext, each: Listed) -> View:
    promo, zone = each.promo, context.zone
    until = i18n.format_moment(promo.ends_at, zone, context.language) if promo.ends_at else "—"
    words = context.translate(
        "pay-admin-code-what",
        plan=_title(context, promo.plan),
        gives=_gives(context, promo),
        uses=each.uses,
        most="—" if promo.most_uses is None else str(promo.most_uses),
        until=until,
        state="stopped" if each.is_stopped else "on",
        by=promo.by,
    )
    mark = admin.short(promo.code)
    stop = menu.button(context, "pay-admin-code-stop", f"a-code-off:{mark}", "danger")
    ways = () if each.is_stopped else (stop,)
    return menu.card(promo.code, words, rows=[ways, menu.back(context, "a-codes:0")])


def _title(context: BotContext, name: str) -> str:
    found = next((each for each in context.services.plans if each.name == name), None)
    return found.titled(context.language) if found is not None else name


def ask_stop_code(context: BotContext) -> View:
    """Ask whether the code is to end."""
    code = _of(context).promo.code
    mark = admin.short(code)
    words = context.translate("pay-admin-code-ask-stop", code=code)
    yes = menu.button(context, "pay-admin-code-stop", f"a-code-off-yes:{mark}")
    return menu.confirm(context, words, yes, f"a-code:{mark}")


def stop_code(context: BotContext) -> View:
    """Let nobody use the code any more."""
    code = _of(context).promo.code
    payments.stop_code(context.billing, admin.actor(context), code)
    alert = context.translate("pay-admin-code-stopped")
    return replace(_card(context, _of(context)), alert=alert)


def choose_code_plan(context: BotContext) -> View:
    """Ask what the code is for."""
    buttons = [
        Button(each.titled(context.language), f"a-code-for:{admin.short(each.name)}")
        for each in context.services.plans[1:]
    ]
    words = context.translate("pay-admin-code-for")
    title = context.translate("pay-admin-code-add")
    return menu.card(title, words, rows=[*button_rows(buttons), menu.back(context, "a-codes:0")])


def ask_code(context: BotContext) -> View:
    """Ask for the code and what it gives."""
    plan = _plan(context, context.argument(0))
    context.wait(Dialog(ADDING, {"plan": plan.name}))
    words = context.translate("pay-admin-code-write", title=plan.titled(context.language))
    return menu.form(context, words, "a-codes:0")


def _plan(context: BotContext, mark: str) -> Plan:
    for each in context.services.plans[1:]:
        if admin.short(each.name) == mark:
            return each
    raise NotFound("no such plan", "bot-button-old")


def add_code(context: BotContext) -> View:
    """Make the code that was written. Raises Refused for one that is none."""
    said = context.dialog_values
    found = _WRITTEN.fullmatch(context.text.strip())
    plan = next(
        (each for each in context.services.plans[1:] if each.name == said.get("plan")), None
    )
    if plan is None:
        raise NotFound("no such plan", "bot-button-old")
    if found is None:
        raise Refused("not understood", "pay-admin-code-wrong")
    code, count, percent, most = found.groups()
    if plan.is_pack and not percent:
        raise Refused("a pack has no days", "pay-admin-code-pack")
    days, off = (0, int(count)) if percent else (int(count), 0)
    promo = Promo(code, plan.name, days, off, int(most) if most else None, by=admin.by(context))
    payments.add_code(context.billing, admin.actor(context), promo)
    context.stop_waiting()
    return list_codes(context)


_MOST = 200


def list_purchases(context: BotContext) -> View:
    """Show a page of what a person bought, the newest first."""
    user_id = context.number()
    actor = admin.actor(context)
    found = (
        payments.list_payments(context.billing, actor, _MOST, user_id=user_id) if user_id else []
    )
    entry = partial(_purchase_button, context)
    rows = menu.list_rows(found, context.number(1), f"a-buys:{user_id}", entry)
    person = Users(context.db).get(user_id)
    name = person.shown_name if person is not None else ""
    title = context.translate("pay-admin-of", who=f"{name or '—'} · {user_id}")
    words = context.translate("pay-admin-none") if not found else ""
    back = menu.back(context, f"a-user:{user_id}" if person is not None else "a-pay")
    return menu.card(title, words, rows=[*rows, back])


def _purchase_button(context: BotContext, purchase: Purchase) -> Button:
    line = order_line(context, purchase).removeprefix("• ")
    return Button(line, f"a-buy:{purchase.purchase_id}")


def show_purchase(context: BotContext) -> View:
    """Show one purchase. Raises NotFound."""
    return purchase_card(context, _details(context, context.argument(0)))


def _details(context: BotContext, purchase_id: str) -> PaymentDetails:
    return payments.show_payment(context.billing, admin.actor(context), purchase_id)


def purchase_card(context: BotContext, details: PaymentDetails) -> View:
    """Return the screen of one purchase, with what can be done."""
    purchase, language = details.purchase, context.language
    person = Users(context.db).get(purchase.user_id) if purchase.user_id else None
    what = text(
        language,
        "pay-admin-what",
        who=f"{person.shown_name or '—'} · {purchase.user_id}" if person is not None else "—",
        price=purchase.order.amount.format(language),
        till=text(language, f"pay-till-{purchase.order.gateway.value}"),
        state=state_words(context, purchase),
        at=_at(context, purchase),
        id=purchase.purchase_id,
    )
    promo = purchase.order.promo
    return menu.card(
        titled(purchase, language),
        admin.lines(what, text(language, "pay-admin-code", code=promo) if promo else ""),
        "\n".join(_entry_line(context, each) for each in details.entries),
        "\n".join(_refund_line(context, each) for each in details.refunds),
        rows=[*_ways_back(context, details), _to_person(context, purchase)],
    )


def _at(context: BotContext, purchase: Purchase) -> str:
    return i18n.format_moment(purchase.created_at, context.zone, context.language)


def _entry_line(context: BotContext, entry: Entry) -> str:
    return context.translate(
        "pay-admin-entry",
        at=i18n.format_moment_briefly(entry.at, context.zone, context.language),
        kind=entry.kind.value,
        price=entry.amount.format(context.language),
    )


def _refund_line(context: BotContext, refund: Refund) -> str:
    line = context.translate(
        "pay-admin-refund",
        at=i18n.format_moment_briefly(refund.at, context.zone, context.language),
        price=refund.amount.format(context.language),
        state=refund.state.value,
        by=refund.by,
        reason=refund.reason or "—",
    )
    return f"{line} {refund.trouble}".rstrip()


def _ways_back(context: BotContext, details: PaymentDetails) -> list[tuple[Button, ...]]:
    """Return a row for each payment of which something can go back."""
    rows: list[tuple[Button, ...]] = []
    for grant_id, rest in details.refundable.items():
        words = context.translate("pay-admin-back", price=rest.format(context.language))
        rows.append((Button(words, f"a-back:{grant_id}:{details.purchase.purchase_id}"),))
    return rows


def _to_person(context: BotContext, purchase: Purchase) -> tuple[Button, ...]:
    if not purchase.user_id:
        return menu.back(context, "a-pay")
    return menu.back(context, f"a-buys:{purchase.user_id}:0")


_GATEWAYS = {Gateway.STARS: Currency.XTR, Gateway.YOOKASSA: Currency.RUB}


def payments_home(context: BotContext) -> View:
    """Show what the month has brought."""
    title = context.translate("pay-admin-title")
    ways = (
        menu.button(context, "pay-admin-newest", "a-pays"),
        menu.button(context, "pay-admin-codes", "a-codes:0"),
    )
    words = "\n".join(_month(context))
    return menu.card(title, words, _compared(context), rows=[ways, to_admin_home(context)])


def _month(context: BotContext) -> list[str]:
    """Return what came in and went back this month, a line a gateway; tests do not count."""
    now, zone = context.services.clock(), context.zone
    first = datetime.combine(now.astimezone(zone).date().replace(day=1), time(), zone)
    actor = admin.actor(context)
    found = payments.list_entries(context.billing, actor, first.astimezone(UTC), now)
    lines = []
    brought = {each.gateway: each for each in totals(entry for entry, _ in found)}
    for gateway, currency in _GATEWAYS.items():
        total = brought.get(gateway) or Total(gateway, currency)
        told = {
            "till": context.translate(f"pay-till-{gateway.value}"),
            "came": total.amount(total.revenue.paid).format(context.language),
            "count": total.revenue.payments,
            "back": total.amount(total.revenue.returned).format(context.language),
        }
        lines.append(context.translate("pay-admin-month", **told))
    return lines


def _compared(context: BotContext) -> str:
    """Return when Stars were last held against Telegram's list, and what differed."""
    last = last_comparison(Settings(context.db))
    if last.at is None:
        return ""
    at = i18n.format_moment(last.at, context.zone, context.language)
    return context.translate("pay-admin-compared", at=at, count=len(last.differences))


def newest_payments(context: BotContext) -> View:
    """Show a page of everybody's purchases; a button's data names the one before the page."""
    before = next((each for each in context.arguments if each != admin.ANEW), "")
    actor = admin.actor(context)
    found = payments.list_payments(context.billing, actor, PAGE_SIZE + 1, before)
    here = found[:PAGE_SIZE]
    more = []
    if before:
        more.append(Button("«", "a-pays"))
    if len(found) > PAGE_SIZE:
        more.append(Button("›", f"a-pays:{here[-1].purchase_id}"))
    title = context.translate("pay-admin-newest")
    words = context.translate("pay-admin-none") if not found else ""
    entries = [(_purchase_button(context, each),) for each in here]
    rows = [*entries, tuple(more), menu.back(context, "a-pay")]
    return menu.card(title, words, rows=rows)


PART = f"{admin.STEP}refund-part"
REASON = f"{admin.STEP}refund"
SURE = f"{admin.STEP}refund-sure"


def choose_refund(context: BotContext) -> View:
    """Ask how much is to go back; Stars go back whole, so there the reason is asked."""
    purchase, rest = _payment(context)
    if purchase.order.gateway is Gateway.STARS:
        return _asks_reason(context, {**_named(context), "amount": None})
    context.wait(Dialog(PART, _named(context)))
    return _asks_part(context, purchase, rest, "pay-admin-ask-part")


def _payment(context: BotContext) -> tuple[Purchase, Amount]:
    """Return the purchase whose grant a button names, and what can go back. Raises NotFound."""
    details, rest = _granted(context, context.number(), context.argument(1))
    return details.purchase, rest


def _granted(context: BotContext, grant_id: int, purchase_id: str) -> tuple[PaymentDetails, Amount]:
    details = _details(context, purchase_id)
    rest = details.rests.get(grant_id)
    if rest is None:
        raise NotFound(f"no grant {grant_id}", "bot-button-old")
    return details, rest


def _named(context: BotContext) -> dict[str, Any]:
    return {"grant": context.number(), "purchase": context.argument(1)}


def _asks_part(context: BotContext, purchase: Purchase, rest: Amount, key: str) -> View:
    words = context.translate(key, rest=rest.format(context.language))
    place = f"{context.number()}:{purchase.purchase_id}"
    whole = menu.button(context, "pay-admin-all", f"a-back-all:{place}")
    cancel = menu.button(context, "button-cancel", "cancel")
    back = menu.back(context, f"a-buy:{purchase.purchase_id}")
    return menu.card(titled(purchase, context.language), words, rows=[(whole,), (*back, cancel)])


def all_of_it(context: BotContext) -> View:
    """Let all that is left go back."""
    _payment(context)
    return _asks_reason(context, {**_named(context), "amount": None})


def part(context: BotContext) -> View:
    """Take the sum that was written. Raises Refused for one that cannot go back."""
    said = dict(context.dialog.said) if context.dialog is not None else {}
    _, rest = _granted(context, int(said.get("grant", 0)), str(said.get("purchase", "")))
    try:
        wanted = roubles(context.text.strip().replace(" ", "").replace(",", "."))
    except ValueError:
        raise Refused(
            "no amount", "pay-admin-no-amount", rest=rest.format(context.language)
        ) from None
    if rest.currency is not Currency.RUB or not 0 < wanted.minor <= rest.minor:
        told = rest.format(context.language)
        raise Refused("too much", "billing-refund-too-much", rest=told)
    return _asks_reason(context, {**said, "amount": wanted.minor})


def _asks_reason(context: BotContext, said: dict[str, Any]) -> View:
    context.wait(Dialog(REASON, said))
    words = context.translate("pay-admin-ask-reason", most=MOST_REASON)
    return menu.form(context, words, f"a-buy:{said['purchase']}")


def reason(context: BotContext) -> View:
    """Take the reason that was written, and ask whether the refund is meant."""
    said = dict(context.dialog.said) if context.dialog is not None else {}
    why = " ".join(context.text.split())[:MOST_REASON]
    if not why:
        return _asks_reason(context, said)
    grant, purchase_id = int(said.get("grant", 0)), str(said.get("purchase", ""))
    details, rest = _granted(context, grant, purchase_id)
    purchase = details.purchase
    amount = _amount(said) or rest
    kept = {**said, "reason": why, "asked": context.update_id}
    context.wait(Dialog(SURE, kept))
    is_renewed = purchase.order.gateway is Gateway.STARS
    words = context.translate(
        "pay-admin-ask-refund",
        price=amount.format(context.language),
        title=titled(purchase, context.language),
        user=str(purchase.user_id),
        reason=why,
        whole="yes" if amount == rest else "no",
        till="stars" if is_renewed else "yookassa",
    )
    yes = menu.button(context, "pay-admin-refund-yes", f"a-back-yes:{context.update_id}")
    return menu.confirm(context, words, yes, f"a-buy:{purchase_id}")


def _amount(said: dict[str, Any]) -> Amount | None:
    minor = said.get("amount")
    return None if minor is None else Amount(int(minor), Currency.RUB)


def refund(context: BotContext) -> View:
    """Write the wish for the refund down; whoever owns the gateway sends it. Raises Refused."""
    dialog = context.dialog
    said = dict(dialog.said) if dialog is not None and dialog.step == SURE else {}
    if not said or said.get("asked") != context.number():
        raise NotFound("not asked", "bot-button-old")
    grant, purchase_id = int(said["grant"]), str(said["purchase"])
    details, _ = _granted(context, grant, purchase_id)
    billing, actor, once = context.billing, admin.actor(context), f"update:{context.number()}"
    why, amount = str(said["reason"]), _amount(said)
    payments.request_refund(billing, actor, details, grant, amount, why, once)
    alert = context.translate("pay-admin-refund-wished")
    return replace(purchase_card(context, _details(context, purchase_id)), alert=alert)


def typed_again(context: BotContext) -> View:
    """Ask for the button where something was written instead."""
    dialog = context.dialog
    said = dict(dialog.said) if dialog is not None else {}
    words = context.translate("pay-admin-press")
    yes = menu.button(context, "pay-admin-refund-yes", f"a-back-yes:{said.get('asked', 0)}")
    return menu.confirm(context, words, yes, f"a-buy:{said.get('purchase', '')}")


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    buttons = {
        "a-codes": list_codes,
        "a-code": show_code,
        "a-code-off": ask_stop_code,
        "a-code-off-yes": stop_code,
        "a-code-add": choose_code_plan,
        "a-code-for": ask_code,
        "a-buys": list_purchases,
        "a-buy": show_purchase,
        "a-pay": payments_home,
        "a-pays": newest_payments,
        "a-back": choose_refund,
        "a-back-all": all_of_it,
        "a-back-yes": refund,
    }
    steps = {ADDING: add_code, PART: part, REASON: reason, SURE: typed_again}
    add_admin_handlers(application, Permission.REFUNDS, buttons, steps)
