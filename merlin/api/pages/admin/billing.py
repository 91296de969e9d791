"""Billing: what came in and went back this month and the last, the newest orders, differences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from merlin.account.zone import zone_of
from merlin.api.pages.admin.rooms import rooms
from merlin.api.pages.admin.sums import Day, days_of, how_many_tests, months
from merlin.api.pages.answering import shown
from merlin.api.pages.bars import Bars, Count, bars_of
from merlin.api.pages.frame import Link
from merlin.api.pages.order_view import state_chip
from merlin.api.pages.plan_words import goods
from merlin.api.pages.room import Selling
from merlin.api.pages.telling import day, when
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit
from merlin.api.shape import MOST_ID
from merlin.billing.amount import Amount, Currency
from merlin.billing.ledger import Entry
from merlin.billing.purchase import ID_LENGTH, Purchase, PurchaseState
from merlin.billing.report import Total, totals
from merlin.core.clock import from_iso
from merlin.core.errors import NotFound
from merlin.core.text import text
from merlin.core.web.answering import NEVER_KEPT
from merlin.core.web.chip import Chip

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# What the bot leaves of its nightly comparison with Telegram.
RECONCILED = "stars.reconciled"
_PAGE, _SHORT, _MOST_DIFFERENCES = 30, 8, 20
# A page shows all of one person's orders, which are not many.
_MOST_OF_ONE = 200
_ORDER = f"^([0-9a-f]{{{ID_LENGTH}}})?$"


@dataclass(frozen=True, slots=True)
class SumRow:
    """What one till took in a month."""

    till: str
    paid: str
    returned: str
    net: str
    count: str


@dataclass(frozen=True, slots=True)
class Month:
    """One month; no rows where nothing came in."""

    title: str
    rows: tuple[SumRow, ...]


@dataclass(frozen=True, slots=True)
class DayRow:
    """A day on which money moved."""

    words: str
    paid: str
    returned: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing of days in one currency; `told` says it in words, `most` the highest day."""

    name: str
    title: str
    told: str
    bars: Bars
    most: str
    days: tuple[DayRow, ...]


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """One order in the list."""

    href: str
    title: str
    about: str
    amount: str
    chip: Chip


@dataclass(frozen=True, slots=True)
class ComparedView:
    """What the last comparison came to; `differences` are a line each."""

    said: str
    is_good: bool
    differences: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class BillingView:
    """The page."""

    rooms: tuple[Link, ...]
    months: tuple[Month, ...]
    charts: tuple[Chart, ...]
    tests: int
    rows: tuple[PaymentRow, ...]
    states: tuple[tuple[str, str, bool], ...]
    person: str
    wrong: str
    next_href: str
    compared: ComparedView | None


@router.get("/admin/billing")
async def show_billing(
    visit: Selling,
    state: PurchaseState | Literal[""] = "",
    person: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[str, Query(pattern=_ORDER)] = "",
) -> Response:
    """Return the sums, and the newest orders of a state or a person."""
    rows, now = visit.services.rows, visit.services.clock()
    last, this = months(now, zone_of(visit.services.timezone))
    # The form sends "" for any state.
    chosen = str(state)
    number = _number(person)

    def read() -> tuple[list[Entry], list[Purchase], str]:
        moved = rows.books.ledger.between(last, now + timedelta(days=1))
        found = _found(visit, chosen, number, before)
        return [entry for entry, _ in moved], found, rows.settings.get(RECONCILED)

    entries, found, compared = await visit.services.store.read(read)
    view = BillingView(
        rooms=rooms(visit),
        months=(
            _month(visit, "this", [each for each in entries if each.at >= this]),
            _month(visit, "last", [each for each in entries if each.at < this]),
        ),
        charts=tuple(_charts(visit, entries, last, now)),
        tests=how_many_tests(entries),
        rows=tuple(payment_row(visit, each) for each in found[:_PAGE]),
        states=tuple(_states(visit, chosen)),
        person=person.strip(),
        wrong=visit.say("person-number") if person.strip() and number is None else "",
        next_href=_next(found, chosen, person),
        compared=_compared(visit, compared),
    )
    return shown(visit, "admin_billing.html", v=view, keep=NEVER_KEPT)


def _number(said: str) -> int | None:
    plain = said.strip()
    is_number = plain.isascii() and plain.isdigit()
    return int(plain) if is_number and 1 <= int(plain) <= MOST_ID else None


def _found(visit: Visit, state: str, number: int | None, before: str) -> list[Purchase]:
    """Return one more than a page shows of the orders that are looked for; reads rows."""
    purchases = visit.services.rows.books.purchases
    if number is None:
        try:
            return purchases.newest(_PAGE + 1, before, state)
        except NotFound:
            return []
    mine = purchases.of(number, _MOST_OF_ONE)
    kept = [each for each in mine if not state or each.state.value == state]
    places = [place for place, each in enumerate(kept) if each.purchase_id == before]
    first = places[0] + 1 if places else 0
    return kept[first : first + _PAGE + 1]


def payment_row(visit: Visit, purchase: Purchase) -> PaymentRow:
    """Return a line of the list."""
    whose = str(purchase.user_id) if purchase.user_id else visit.say("left-for-good")
    said = [when(visit, purchase.created_at), whose, purchase.purchase_id[:_SHORT]]
    if purchase.order.is_test:
        said.append(visit.say("is-test"))
    return PaymentRow(
        href=f"/admin/billing/{purchase.purchase_id}",
        title=goods(visit, purchase.order.promise),
        about=" · ".join(said),
        amount=purchase.order.amount.told(visit.language),
        chip=state_chip(visit, purchase),
    )


def _month(visit: Visit, name: str, entries: Sequence[Entry]) -> Month:
    return Month(visit.say(f"month-{name}"), tuple(_sum(visit, each) for each in totals(entries)))


def _sum(visit: Visit, each: Total) -> SumRow:
    def told(minor: int) -> str:
        said = each.amount(abs(minor)).told(visit.language)
        return f"−{said}" if minor < 0 else said

    brought = each.brought
    count = visit.say("payments-count", count=brought.payments)
    back = visit.say("refunds-count", count=brought.refunds) if brought.refunds else ""
    return SumRow(
        till=visit.say(f"till-{each.till.value}"),
        paid=told(brought.paid),
        returned=told(brought.returned),
        net=told(brought.net),
        count=", ".join(filter(None, [count, back])),
    )


def _charts(visit: Visit, entries: Sequence[Entry], since: datetime, now: datetime) -> list[Chart]:
    zone = zone_of(visit.services.timezone)
    until = now.astimezone(zone).date()
    charts = []
    for currency in Currency:
        days = days_of(entries, currency, since.date(), until, zone)
        chart = _chart(visit, currency, days)
        charts += [chart] if chart else []
    return charts


def _chart(visit: Visit, currency: Currency, days: Sequence[Day]) -> Chart | None:
    counts = [Count(day(visit, each.day), each.paid, each.returned) for each in days]
    bars = bars_of(counts)
    if bars is None:
        return None

    def told(minor: int) -> str:
        return Amount(minor, currency).told(visit.language)

    paid, back = sum(each.paid for each in days), sum(each.returned for each in days)
    return Chart(
        name=currency.value.lower(),
        title=visit.say(f"by-days-{currency.value.lower()}"),
        told=visit.say("by-days-told", paid=told(paid), returned=told(back)),
        bars=bars,
        most=told(bars.most),
        days=tuple(
            DayRow(day(visit, each.day), told(each.paid), told(each.returned))
            for each in reversed(days)
            if each.paid or each.returned
        ),
    )


def _states(visit: Visit, chosen: str) -> list[tuple[str, str, bool]]:
    known = [(each.value, visit.say(f"order-{each.value}"), each.value == chosen) for each in SHOWN]
    return [("", visit.say("any-state"), not chosen), *known]


# The states that differ for who looks on; `created` and `asking` are told as `pending` is.
SHOWN = (
    PurchaseState.PENDING,
    PurchaseState.HELD,
    PurchaseState.PAID,
    PurchaseState.REFUNDED_IN_PART,
    PurchaseState.REFUNDED,
    PurchaseState.CANCELED,
    PurchaseState.EXPIRED,
)


def _next(found: Sequence[Purchase], state: str, person: str) -> str:
    if len(found) <= _PAGE:
        return ""
    asked = {"state": state, "person": person.strip(), "before": found[_PAGE - 1].purchase_id}
    return "/admin/billing?" + urlencode({name: value for name, value in asked.items() if value})


def _compared(visit: Visit, kept: str) -> ComparedView | None:
    """Return what the bot left of its comparison, None for nothing or what cannot be read."""
    try:
        said = json.loads(kept)
        at, seen = from_iso(said["at"]), int(said["seen"])
        found = [(str(each["kind"]), str(each["charge"])) for each in said["differences"]]
    except (ValueError, KeyError, TypeError):
        return None
    words = visit.say("compared", at=when(visit, at), seen=seen, count=len(found))
    lines = tuple((_kind(visit, kind), charge) for kind, charge in found[:_MOST_DIFFERENCES])
    return ComparedView(words, not found, lines)


def _kind(visit: Visit, kind: str) -> str:
    known = {"paid", "returned", "odd", "missing"}
    return text(visit.language, f"page-differs-{kind}") if kind in known else kind
