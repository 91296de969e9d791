"""Purchases: what a person bought, and one purchase with all that became of it."""

from __future__ import annotations

from collections.abc import Sequence

from merlin.account.role import Permission
from merlin.billing.ledger import Entry, EntryKind
from merlin.billing.purchase import Purchase
from merlin.billing.refund import Refund, RefundState
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import zone_for
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.office import panel
from merlin.bot.handlers.office.panel import guarded
from merlin.bot.handlers.pay.orders import order_line, state_words, titled
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core import moment
from merlin.core.page import Button
from merlin.core.text import text

_MOST = 200
_UNDER_WAY = (RefundState.WANTED, RefundState.SENDING)


def listed(kit: Kit, event: Event) -> Screen:
    """Show a page of what a person bought, the newest first."""
    user_id = number(event)
    found = kit.rows.books.purchases.of(user_id, _MOST) if user_id else []
    here, page, has_more = panel.page_of(found, number(event, 1))
    person = kit.rows.users.get(user_id)
    name = person.shown_name if person is not None else ""
    title = text(event.language, "pay-admin-of", who=f"{name or '—'} · {user_id}")
    words = text(event.language, "pay-admin-none") if not found else ""
    more = panel.turning(f"a-buys:{user_id}", page, has_more=has_more)
    back = panel.back(event, f"a-user:{user_id}" if person is not None else "a-pay")
    return panel.panel(title, words, rows=[*entries(kit, event, here), more, back])


def entries(kit: Kit, event: Event, found: Sequence[Purchase]) -> list[tuple[Button, ...]]:
    """Return a row for each purchase, which opens it."""
    return [
        (Button(order_line(kit, event, each).removeprefix("• "), f"a-buy:{each.purchase_id}"),)
        for each in found
    ]


def shown(kit: Kit, event: Event) -> Screen:
    """Show one purchase. Raises NotFound."""
    return card(kit, event, kit.rows.books.purchases.get("".join(event.args[:1])))


def card(kit: Kit, event: Event, purchase: Purchase) -> Screen:
    """Return the screen of one purchase, with what can be done."""
    books, language = kit.rows.books, event.language
    ledger = books.ledger.entries(purchase.purchase_id)
    refunds = books.refunds.of(purchase.purchase_id)
    person = kit.rows.users.get(purchase.user_id) if purchase.user_id else None
    what = text(
        language,
        "pay-admin-what",
        who=f"{person.shown_name or '—'} · {purchase.user_id}" if person is not None else "—",
        price=purchase.order.amount.told(language),
        till=text(language, f"pay-till-{purchase.order.till.value}"),
        state=state_words(kit, event, purchase),
        at=_at(kit, event, purchase),
        id=purchase.purchase_id,
    )
    promo = purchase.order.promo
    return panel.panel(
        titled(purchase, language),
        panel.lines(what, text(language, "pay-admin-code", code=promo) if promo else ""),
        "\n".join(_entry_line(kit, event, each) for each in ledger),
        "\n".join(_refund_line(kit, event, each) for each in refunds),
        rows=[*_ways_back(kit, event, ledger, refunds), _to_person(event, purchase)],
    )


def _at(kit: Kit, event: Event, purchase: Purchase) -> str:
    return moment.told(purchase.created_at, zone_for(kit, event), event.language)


def _entry_line(kit: Kit, event: Event, entry: Entry) -> str:
    return text(
        event.language,
        "pay-admin-entry",
        at=moment.brief(entry.at, zone_for(kit, event), event.language),
        kind=entry.kind.value,
        price=entry.amount.told(event.language),
    )


def _refund_line(kit: Kit, event: Event, refund: Refund) -> str:
    line = text(
        event.language,
        "pay-admin-refund",
        at=moment.brief(refund.at, zone_for(kit, event), event.language),
        price=refund.amount.told(event.language),
        state=refund.state.value,
        by=refund.by,
        reason=refund.reason or "—",
    )
    return f"{line} {refund.trouble}".rstrip()


def _ways_back(
    kit: Kit, event: Event, ledger: Sequence[Entry], refunds: Sequence[Refund]
) -> list[tuple[Button, ...]]:
    """Return a row for each payment of which something can go back."""
    sending = {each.grant_id for each in refunds if each.state in _UNDER_WAY}
    rows: list[tuple[Button, ...]] = []
    for each in ledger:
        if each.kind is not EntryKind.GRANT or each.entry_id in sending:
            continue
        rest = kit.rows.books.ledger.rest(each.entry_id)
        if rest.minor:
            words = text(event.language, "pay-admin-back", price=rest.told(event.language))
            rows.append((Button(words, f"a-back:{each.entry_id}:{each.purchase_id}"),))
    return rows


def _to_person(event: Event, purchase: Purchase) -> tuple[Button, ...]:
    if not purchase.user_id:
        return panel.back(event, "a-pay")
    return panel.back(event, f"a-buys:{purchase.user_id}:0")


TOPIC = Topic(
    buttons={
        "a-buys": guarded(Permission.REFUNDS, listed),
        "a-buy": guarded(Permission.REFUNDS, shown),
    }
)
