"""Payments: sums of the month by till, the newest purchases, and the way to codes."""

from __future__ import annotations

from datetime import UTC, datetime, time

from merlin.account.role import Permission
from merlin.billing.amount import Currency
from merlin.billing.purchase import Till
from merlin.billing.report import Total, totals
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import zone_for
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.office.admin import to_home
from merlin.bot.handlers.office.panel import AT_ONCE, guarded
from merlin.bot.handlers.office.purchases import entries
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.bot.stars.comparing import SETTING, read_compared
from merlin.core import moment
from merlin.core.page import Button
from merlin.core.text import text

_TILLS = {Till.STARS: Currency.XTR, Till.YOOKASSA: Currency.RUB}


def home(kit: Kit, event: Event) -> Screen:
    """Show what the month has brought."""
    title = text(event.language, "pay-admin-title")
    ways = (
        panel.button(event, "pay-admin-newest", "a-pays"),
        panel.button(event, "pay-admin-codes", "a-codes:0"),
    )
    words = "\n".join(_month(kit, event))
    return panel.panel(title, words, _compared(kit, event), rows=[ways, to_home(event)])


def _month(kit: Kit, event: Event) -> list[str]:
    """Return what came in and went back this month, a line a till; tests do not count."""
    now, zone = kit.services.clock(), zone_for(kit, event)
    first = datetime.combine(now.astimezone(zone).date().replace(day=1), time(), zone)
    found = kit.rows.books.ledger.between(first.astimezone(UTC), now)
    lines = []
    brought = {each.till: each for each in totals(entry for entry, _ in found)}
    for till, currency in _TILLS.items():
        total = brought.get(till) or Total(till, currency)
        told = {
            "till": text(event.language, f"pay-till-{till.value}"),
            "came": total.amount(total.brought.paid).told(event.language),
            "count": total.brought.payments,
            "back": total.amount(total.brought.returned).told(event.language),
        }
        lines.append(text(event.language, "pay-admin-month", **told))
    return lines


def _compared(kit: Kit, event: Event) -> str:
    """Return when Stars were last held against Telegram's list, and what differed."""
    last = read_compared(kit.rows.settings.get(SETTING))
    if last.at is None:
        return ""
    at = moment.told(last.at, zone_for(kit, event), event.language)
    return text(event.language, "pay-admin-compared", at=at, count=len(last.differences))


def newest(kit: Kit, event: Event) -> Screen:
    """Show a page of everybody's purchases; a button's data names the one before the page."""
    before = next((each for each in event.args if each != panel.ANEW), "")
    found = kit.rows.books.purchases.newest(AT_ONCE + 1, before)
    here = found[:AT_ONCE]
    more = []
    if before:
        more.append(Button("«", "a-pays"))
    if len(found) > AT_ONCE:
        more.append(Button("›", f"a-pays:{here[-1].purchase_id}"))
    title = text(event.language, "pay-admin-newest")
    words = text(event.language, "pay-admin-none") if not found else ""
    rows = [*entries(kit, event, here), tuple(more), panel.back(event, "a-pay")]
    return panel.panel(title, words, rows=rows)


TOPIC = Topic(
    buttons={
        "a-pay": guarded(Permission.REFUNDS, home),
        "a-pays": guarded(Permission.REFUNDS, newest),
    }
)
