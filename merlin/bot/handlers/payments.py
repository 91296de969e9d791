"""Payments for admins: sums of the month, purchases, refunds, promo codes.

    code: list -> code -> stop (asked once more)
               -> plan -> "CODE 20%" or "CODE 7" (a step) -> made
    purchase -> [all | a part (a step)] -> reason (a step) -> sure -> wished for; its till sends it

Stars go back whole. What was granted is taken back by the ledger, with the money.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

from merlin.app import payments
from merlin.app.dialogs import Dialog
from merlin.app.payments import PaymentDetails
from merlin.app.reconciliation import last_comparison
from merlin.billing.ledger import Entry
from merlin.billing.plan import Plan
from merlin.billing.promo_codes import Listed, Promo
from merlin.billing.purchases import Purchase
from merlin.billing.refunds import MOST_REASON, Refund
from merlin.billing.report import Total, totals
from merlin.bot.context import BotApplication, Event, Kit, add_handlers
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import AT_ONCE, guarded, to_admin_home
from merlin.bot.handlers.orders import order_line, state_words, titled
from merlin.bot.handlers.questions import number
from merlin.bot.handlers.quota import zone_for
from merlin.bot.menu import Screen
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


def list_codes(kit: Kit, event: Event) -> Screen:
    """Show a page of the codes, the newest first."""
    found = payments.list_codes(kit.rows.billing, admin.actor(kit, event))
    here, page, has_more = admin.page_of(found, number(event))
    buttons = [(_entry(event, each),) for each in here]
    more = admin.turning("a-codes", page, has_more=has_more)
    add = (admin.button(event, "pay-admin-code-add", "a-code-add"),)
    words = text(event.language, "pay-admin-no-codes") if not found else ""
    title = text(event.language, "pay-admin-codes")
    return admin.panel_screen(title, words, rows=[*buttons, more, add, admin.back(event, "a-pay")])


def _entry(event: Event, each: Listed) -> Button:
    mark = "⏹ " if each.is_stopped else ""
    label = f"{mark}{each.promo.code} · {_gives(event, each.promo)}"
    return Button(label, f"a-code:{admin.short(each.promo.code)}")


def _gives(event: Event, promo: Promo) -> str:
    if promo.percent:
        return f"−{promo.percent} %"
    return text(event.language, "people-days", days=promo.days)


def _of(kit: Kit, event: Event) -> Listed:
    """Return the code that a button names. Raises NotFound."""
    for each in payments.list_codes(kit.rows.billing, admin.actor(kit, event)):
        if admin.short(each.promo.code) == "".join(event.args[:1]):
            return each
    raise NotFound("no such code", "promo-unknown")


def show_code(kit: Kit, event: Event) -> Screen:
    """Show one code."""
    return _card(kit, event, _of(kit, event))


def _card(kit: Kit, event: Event, each: Listed) -> Screen:
    promo, zone = each.promo, zone_for(kit, event)
    until = i18n.format_moment(promo.ends_at, zone, event.language) if promo.ends_at else "—"
    words = text(
        event.language,
        "pay-admin-code-what",
        plan=_title(kit, event, promo.plan),
        gives=_gives(event, promo),
        uses=each.uses,
        most="—" if promo.most_uses is None else str(promo.most_uses),
        until=until,
        state="stopped" if each.is_stopped else "on",
        by=promo.by,
    )
    mark = admin.short(promo.code)
    stop = admin.button(event, "pay-admin-code-stop", f"a-code-off:{mark}", "danger")
    ways = () if each.is_stopped else (stop,)
    return admin.panel_screen(promo.code, words, rows=[ways, admin.back(event, "a-codes:0")])


def _title(kit: Kit, event: Event, name: str) -> str:
    found = next((each for each in kit.services.plans if each.name == name), None)
    return found.titled(event.language) if found is not None else name


def ask_stop_code(kit: Kit, event: Event) -> Screen:
    """Ask whether the code is to end."""
    code = _of(kit, event).promo.code
    mark = admin.short(code)
    words = text(event.language, "pay-admin-code-ask-stop", code=code)
    yes = admin.button(event, "pay-admin-code-stop", f"a-code-off-yes:{mark}")
    return admin.asks(event, words, yes, f"a-code:{mark}")


def stop_code(kit: Kit, event: Event) -> Screen:
    """Let nobody use the code any more."""
    code = _of(kit, event).promo.code
    payments.stop_code(kit.rows.billing, admin.actor(kit, event), code)
    alert = text(event.language, "pay-admin-code-stopped")
    return replace(_card(kit, event, _of(kit, event)), alert=alert)


def choose_code_plan(kit: Kit, event: Event) -> Screen:
    """Ask what the code is for."""
    buttons = [
        Button(each.titled(event.language), f"a-code-for:{admin.short(each.name)}")
        for each in kit.services.plans[1:]
    ]
    words = text(event.language, "pay-admin-code-for")
    title = text(event.language, "pay-admin-code-add")
    return admin.panel_screen(
        title, words, rows=[*button_rows(buttons), admin.back(event, "a-codes:0")]
    )


def ask_code(kit: Kit, event: Event) -> Screen:
    """Ask for the code and what it gives."""
    plan = _plan(kit, "".join(event.args[:1]))
    kit.wait(event, Dialog(ADDING, {"plan": plan.name}))
    words = text(event.language, "pay-admin-code-write", title=plan.titled(event.language))
    return admin.waits_for(event, words, "a-codes:0")


def _plan(kit: Kit, mark: str) -> Plan:
    for each in kit.services.plans[1:]:
        if admin.short(each.name) == mark:
            return each
    raise NotFound("no such plan", "bot-button-old")


def add_code(kit: Kit, event: Event) -> Screen:
    """Make the code that was written. Raises Refused for one that is none."""
    said = event.dialog.said if event.dialog is not None else {}
    found = _WRITTEN.fullmatch(event.text.strip())
    plan = next((each for each in kit.services.plans[1:] if each.name == said.get("plan")), None)
    if plan is None:
        raise NotFound("no such plan", "bot-button-old")
    if found is None:
        raise Refused("not understood", "pay-admin-code-wrong")
    code, count, percent, most = found.groups()
    if plan.is_pack and not percent:
        raise Refused("a pack has no days", "pay-admin-code-pack")
    days, off = (0, int(count)) if percent else (int(count), 0)
    promo = Promo(code, plan.name, days, off, int(most) if most else None, by=admin.by(event))
    payments.add_code(kit.rows.billing, admin.actor(kit, event), promo)
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    return list_codes(kit, event)


_MOST = 200


def list_purchases(kit: Kit, event: Event) -> Screen:
    """Show a page of what a person bought, the newest first."""
    user_id = number(event)
    actor = admin.actor(kit, event)
    found = (
        payments.list_payments(kit.rows.billing, actor, _MOST, user_id=user_id) if user_id else []
    )
    here, page, has_more = admin.page_of(found, number(event, 1))
    person = kit.rows.users.get(user_id)
    name = person.shown_name if person is not None else ""
    title = text(event.language, "pay-admin-of", who=f"{name or '—'} · {user_id}")
    words = text(event.language, "pay-admin-none") if not found else ""
    more = admin.turning(f"a-buys:{user_id}", page, has_more=has_more)
    back = admin.back(event, f"a-user:{user_id}" if person is not None else "a-pay")
    return admin.panel_screen(title, words, rows=[*purchase_entries(kit, event, here), more, back])


def purchase_entries(kit: Kit, event: Event, found: Sequence[Purchase]) -> list[tuple[Button, ...]]:
    """Return a row for each purchase, which opens it."""
    return [
        (Button(order_line(kit, event, each).removeprefix("• "), f"a-buy:{each.purchase_id}"),)
        for each in found
    ]


def show_purchase(kit: Kit, event: Event) -> Screen:
    """Show one purchase. Raises NotFound."""
    return purchase_card(kit, event, _details(kit, event, "".join(event.args[:1])))


def _details(kit: Kit, event: Event, purchase_id: str) -> PaymentDetails:
    return payments.show_payment(kit.rows.billing, admin.actor(kit, event), purchase_id)


def purchase_card(kit: Kit, event: Event, details: PaymentDetails) -> Screen:
    """Return the screen of one purchase, with what can be done."""
    purchase, language = details.purchase, event.language
    person = kit.rows.users.get(purchase.user_id) if purchase.user_id else None
    what = text(
        language,
        "pay-admin-what",
        who=f"{person.shown_name or '—'} · {purchase.user_id}" if person is not None else "—",
        price=purchase.order.amount.told(language),
        till=text(language, f"pay-till-{purchase.order.gateway.value}"),
        state=state_words(kit, event, purchase),
        at=_at(kit, event, purchase),
        id=purchase.purchase_id,
    )
    promo = purchase.order.promo
    return admin.panel_screen(
        titled(purchase, language),
        admin.lines(what, text(language, "pay-admin-code", code=promo) if promo else ""),
        "\n".join(_entry_line(kit, event, each) for each in details.entries),
        "\n".join(_refund_line(kit, event, each) for each in details.refunds),
        rows=[*_ways_back(event, details), _to_person(event, purchase)],
    )


def _at(kit: Kit, event: Event, purchase: Purchase) -> str:
    return i18n.format_moment(purchase.created_at, zone_for(kit, event), event.language)


def _entry_line(kit: Kit, event: Event, entry: Entry) -> str:
    return text(
        event.language,
        "pay-admin-entry",
        at=i18n.format_moment_briefly(entry.at, zone_for(kit, event), event.language),
        kind=entry.kind.value,
        price=entry.amount.told(event.language),
    )


def _refund_line(kit: Kit, event: Event, refund: Refund) -> str:
    line = text(
        event.language,
        "pay-admin-refund",
        at=i18n.format_moment_briefly(refund.at, zone_for(kit, event), event.language),
        price=refund.amount.told(event.language),
        state=refund.state.value,
        by=refund.by,
        reason=refund.reason or "—",
    )
    return f"{line} {refund.trouble}".rstrip()


def _ways_back(event: Event, details: PaymentDetails) -> list[tuple[Button, ...]]:
    """Return a row for each payment of which something can go back."""
    rows: list[tuple[Button, ...]] = []
    for grant_id, rest in details.refundable.items():
        words = text(event.language, "pay-admin-back", price=rest.told(event.language))
        rows.append((Button(words, f"a-back:{grant_id}:{details.purchase.purchase_id}"),))
    return rows


def _to_person(event: Event, purchase: Purchase) -> tuple[Button, ...]:
    if not purchase.user_id:
        return admin.back(event, "a-pay")
    return admin.back(event, f"a-buys:{purchase.user_id}:0")


_GATEWAYS = {Gateway.STARS: Currency.XTR, Gateway.YOOKASSA: Currency.RUB}


def payments_home(kit: Kit, event: Event) -> Screen:
    """Show what the month has brought."""
    title = text(event.language, "pay-admin-title")
    ways = (
        admin.button(event, "pay-admin-newest", "a-pays"),
        admin.button(event, "pay-admin-codes", "a-codes:0"),
    )
    words = "\n".join(_month(kit, event))
    return admin.panel_screen(
        title, words, _compared(kit, event), rows=[ways, to_admin_home(event)]
    )


def _month(kit: Kit, event: Event) -> list[str]:
    """Return what came in and went back this month, a line a till; tests do not count."""
    now, zone = kit.services.clock(), zone_for(kit, event)
    first = datetime.combine(now.astimezone(zone).date().replace(day=1), time(), zone)
    actor = admin.actor(kit, event)
    found = payments.list_entries(kit.rows.billing, actor, first.astimezone(UTC), now)
    lines = []
    brought = {each.gateway: each for each in totals(entry for entry, _ in found)}
    for gateway, currency in _GATEWAYS.items():
        total = brought.get(gateway) or Total(gateway, currency)
        told = {
            "till": text(event.language, f"pay-till-{gateway.value}"),
            "came": total.amount(total.revenue.paid).told(event.language),
            "count": total.revenue.payments,
            "back": total.amount(total.revenue.returned).told(event.language),
        }
        lines.append(text(event.language, "pay-admin-month", **told))
    return lines


def _compared(kit: Kit, event: Event) -> str:
    """Return when Stars were last held against Telegram's list, and what differed."""
    last = last_comparison(kit.rows.settings)
    if last.at is None:
        return ""
    at = i18n.format_moment(last.at, zone_for(kit, event), event.language)
    return text(event.language, "pay-admin-compared", at=at, count=len(last.differences))


def newest_payments(kit: Kit, event: Event) -> Screen:
    """Show a page of everybody's purchases; a button's data names the one before the page."""
    before = next((each for each in event.args if each != admin.ANEW), "")
    actor = admin.actor(kit, event)
    found = payments.list_payments(kit.rows.billing, actor, AT_ONCE + 1, before)
    here = found[:AT_ONCE]
    more = []
    if before:
        more.append(Button("«", "a-pays"))
    if len(found) > AT_ONCE:
        more.append(Button("›", f"a-pays:{here[-1].purchase_id}"))
    title = text(event.language, "pay-admin-newest")
    words = text(event.language, "pay-admin-none") if not found else ""
    rows = [*purchase_entries(kit, event, here), tuple(more), admin.back(event, "a-pay")]
    return admin.panel_screen(title, words, rows=rows)


PART = f"{admin.STEP}refund-part"
REASON = f"{admin.STEP}refund"
SURE = f"{admin.STEP}refund-sure"


def choose_refund(kit: Kit, event: Event) -> Screen:
    """Ask how much is to go back; Stars go back whole, so there the reason is asked."""
    purchase, rest = _payment(kit, event)
    if purchase.order.gateway is Gateway.STARS:
        return _asks_reason(kit, event, {**_named(event), "amount": None})
    kit.wait(event, Dialog(PART, _named(event)))
    return _asks_part(event, purchase, rest, "pay-admin-ask-part")


def _payment(kit: Kit, event: Event) -> tuple[Purchase, Amount]:
    """Return the purchase whose grant a button names, and what can go back. Raises NotFound."""
    details, rest = _granted(kit, event, number(event), "".join(event.args[1:2]))
    return details.purchase, rest


def _granted(
    kit: Kit, event: Event, grant_id: int, purchase_id: str
) -> tuple[PaymentDetails, Amount]:
    details = _details(kit, event, purchase_id)
    rest = details.rests.get(grant_id)
    if rest is None:
        raise NotFound(f"no grant {grant_id}", "bot-button-old")
    return details, rest


def _named(event: Event) -> dict[str, Any]:
    return {"grant": number(event), "purchase": "".join(event.args[1:2])}


def _asks_part(event: Event, purchase: Purchase, rest: Amount, key: str) -> Screen:
    words = text(event.language, key, rest=rest.told(event.language))
    place = f"{number(event)}:{purchase.purchase_id}"
    whole = admin.button(event, "pay-admin-all", f"a-back-all:{place}")
    cancel = admin.button(event, "button-cancel", "cancel")
    back = admin.back(event, f"a-buy:{purchase.purchase_id}")
    return admin.panel_screen(
        titled(purchase, event.language), words, rows=[(whole,), (*back, cancel)]
    )


def all_of_it(kit: Kit, event: Event) -> Screen:
    """Let all that is left go back."""
    _payment(kit, event)
    return _asks_reason(kit, event, {**_named(event), "amount": None})


def part(kit: Kit, event: Event) -> Screen:
    """Take the sum that was written. Raises Refused for one that cannot go back."""
    said = dict(event.dialog.said) if event.dialog is not None else {}
    _, rest = _granted(kit, event, int(said.get("grant", 0)), str(said.get("purchase", "")))
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
    return admin.waits_for(event, words, f"a-buy:{said['purchase']}")


def reason(kit: Kit, event: Event) -> Screen:
    """Take the reason that was written, and ask whether the refund is meant."""
    said = dict(event.dialog.said) if event.dialog is not None else {}
    why = " ".join(event.text.split())[:MOST_REASON]
    if not why:
        return _asks_reason(kit, event, said)
    grant, purchase_id = int(said.get("grant", 0)), str(said.get("purchase", ""))
    details, rest = _granted(kit, event, grant, purchase_id)
    purchase = details.purchase
    amount = _amount(said) or rest
    kept = {**said, "reason": why, "asked": event.update_id}
    kit.wait(event, Dialog(SURE, kept))
    is_renewed = purchase.order.gateway is Gateway.STARS
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
    yes = admin.button(event, "pay-admin-refund-yes", f"a-back-yes:{event.update_id}")
    return admin.asks(event, words, yes, f"a-buy:{purchase_id}")


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
    details, _ = _granted(kit, event, grant, purchase_id)
    billing, actor, once = kit.rows.billing, admin.actor(kit, event), f"update:{number(event)}"
    why, amount = str(said["reason"]), _amount(said)
    payments.request_refund(billing, actor, details, grant, amount, why, once)
    alert = text(event.language, "pay-admin-refund-wished")
    return replace(purchase_card(kit, event, _details(kit, event, purchase_id)), alert=alert)


def typed_again(_kit: Kit, event: Event) -> Screen:
    """Ask for the button where something was written instead."""
    dialog = event.dialog
    said = dict(dialog.said) if dialog is not None else {}
    words = text(event.language, "pay-admin-press")
    yes = admin.button(event, "pay-admin-refund-yes", f"a-back-yes:{said.get('asked', 0)}")
    return admin.asks(event, words, yes, f"a-buy:{said.get('purchase', '')}")


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(
        application,
        buttons={
            "a-codes": guarded(Permission.REFUNDS, list_codes),
            "a-code": guarded(Permission.REFUNDS, show_code),
            "a-code-off": guarded(Permission.REFUNDS, ask_stop_code),
            "a-code-off-yes": guarded(Permission.REFUNDS, stop_code),
            "a-code-add": guarded(Permission.REFUNDS, choose_code_plan),
            "a-code-for": guarded(Permission.REFUNDS, ask_code),
            "a-buys": guarded(Permission.REFUNDS, list_purchases),
            "a-buy": guarded(Permission.REFUNDS, show_purchase),
            "a-pay": guarded(Permission.REFUNDS, payments_home),
            "a-pays": guarded(Permission.REFUNDS, newest_payments),
            "a-back": guarded(Permission.REFUNDS, choose_refund),
            "a-back-all": guarded(Permission.REFUNDS, all_of_it),
            "a-back-yes": guarded(Permission.REFUNDS, refund),
        },
        steps={
            ADDING: guarded(Permission.REFUNDS, add_code),
            PART: guarded(Permission.REFUNDS, part),
            REASON: guarded(Permission.REFUNDS, reason),
            SURE: guarded(Permission.REFUNDS, typed_again),
        },
    )
