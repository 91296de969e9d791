"""Sums of this month and the last, the newest orders, and one payment with its refunds.

Sending money back is asked twice: the first form shows the sum and the reason again, the second
sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from merlin.api.pages.admin.page import Day, admin_links, days_of, how_many_tests, months
from merlin.api.pages.components import Bars, Column, Confirm, Count, Item, Table, bars_of
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.orders import order_item, state_chip
from merlin.api.pages.page import (
    PATTERN,
    Link,
    PageRequest,
    Selling,
    badge,
    day,
    nowhere,
    render_page,
    when,
)
from merlin.api.pages.plans import goods
from merlin.api.schema import MOST_ID
from merlin.app import payments
from merlin.app.payments import PaymentDetails
from merlin.app.reconciliation import StarComparison, last_comparison
from merlin.app.texts import Settings
from merlin.billing.ledger import Entry
from merlin.billing.payments import reason_key
from merlin.billing.purchases import ID_LENGTH, Purchase, PurchaseState
from merlin.billing.refunds import MOST_REASON, Refund
from merlin.billing.report import Total, totals
from merlin.core.clock import zone_of
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import text
from merlin.core.money import Amount, Currency, roubles
from merlin.core.web.assets import NEVER_KEPT, seen_other
from merlin.core.web.templates import Badge

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_PAGE, _MOST_DIFFERENCES = 30, 20
_ORDER = f"^([0-9a-f]{{{ID_LENGTH}}})?$"


@dataclass(frozen=True, slots=True)
class SumRow:
    """What one gateway took in a month."""

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
class Chart:
    """A drawing of days in one currency; `told` says it in words, `most` the highest day."""

    name: str
    title: str
    told: str
    bars: Bars
    most: str
    days: Table


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
    items: tuple[Item, ...]
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
    now = visit.services.clock()
    last, this = months(now, zone_of(visit.services.timezone))
    # The form sends "" for any state.
    chosen = str(state)
    number = _number(person)

    def read() -> tuple[list[Entry], list[Purchase], StarComparison]:
        until = now + timedelta(days=1)
        moved = payments.list_entries(visit.services.billing, visit.caller.actor, last, until)
        found = _found(visit, chosen, number, before)
        return [entry for entry, _ in moved], found, last_comparison(Settings(visit.services.db))

    entries, found, compared = await visit.services.store.read(read)
    view = BillingView(
        rooms=admin_links(visit),
        months=(
            _month(visit, "this", [each for each in entries if each.at >= this]),
            _month(visit, "last", [each for each in entries if each.at < this]),
        ),
        charts=tuple(_charts(visit, entries, last, now)),
        tests=how_many_tests(entries),
        items=tuple(_item(visit, each) for each in found[:_PAGE]),
        states=tuple(_states(visit, chosen)),
        person=person.strip(),
        wrong=visit.say("person-number") if person.strip() and number is None else "",
        next_href=_next(found, chosen, person),
        compared=_compared(visit, compared),
    )
    return render_page(visit, "admin_billing.html", v=view, keep=NEVER_KEPT)


def _number(said: str) -> int | None:
    plain = said.strip()
    is_number = plain.isascii() and plain.isdigit()
    return int(plain) if is_number and 1 <= int(plain) <= MOST_ID else None


def _found(visit: PageRequest, state: str, number: int | None, before: str) -> list[Purchase]:
    """Return one more than a page shows of the orders that are looked for; reads rows."""
    billing, actor = visit.services.billing, visit.caller.actor
    try:
        return payments.list_payments(billing, actor, _PAGE + 1, before, state, number)
    except NotFound:
        return []


def _item(visit: PageRequest, purchase: Purchase) -> Item:
    whose = str(purchase.user_id) if purchase.user_id else visit.say("left-for-good")
    return order_item(visit, purchase, "/admin/billing", whose)


def _month(visit: PageRequest, name: str, entries: Sequence[Entry]) -> Month:
    return Month(visit.say(f"month-{name}"), tuple(_sum(visit, each) for each in totals(entries)))


def _sum(visit: PageRequest, each: Total) -> SumRow:
    def format_amount(minor: int) -> str:
        said = each.amount(abs(minor)).format(visit.language)
        return f"−{said}" if minor < 0 else said

    brought = each.revenue
    count = visit.say("payments-count", count=brought.payments)
    back = visit.say("refunds-count", count=brought.refunds) if brought.refunds else ""
    return SumRow(
        till=visit.say(f"till-{each.gateway.value}"),
        paid=format_amount(brought.paid),
        returned=format_amount(brought.returned),
        net=format_amount(brought.net),
        count=", ".join(filter(None, [count, back])),
    )


def _charts(
    visit: PageRequest, entries: Sequence[Entry], since: datetime, now: datetime
) -> list[Chart]:
    zone = zone_of(visit.services.timezone)
    until = now.astimezone(zone).date()
    charts = []
    for currency in Currency:
        days = days_of(entries, currency, since.date(), until, zone)
        chart = _chart(visit, currency, days)
        charts += [chart] if chart else []
    return charts


def _chart(visit: PageRequest, currency: Currency, days: Sequence[Day]) -> Chart | None:
    counts = [Count(day(visit, each.day), each.paid, each.returned) for each in days]
    bars = bars_of(counts)
    if bars is None:
        return None

    def format_amount(minor: int) -> str:
        return Amount(minor, currency).format(visit.language)

    paid, back = sum(each.paid for each in days), sum(each.returned for each in days)
    return Chart(
        name=currency.value.lower(),
        title=visit.say(f"by-days-{currency.value.lower()}"),
        told=visit.say("by-days-told", paid=format_amount(paid), returned=format_amount(back)),
        bars=bars,
        most=format_amount(bars.most),
        days=Table(
            [
                Column(visit.say("when")),
                Column(visit.say("sum-paid"), "r"),
                Column(visit.say("sum-returned"), "r"),
            ],
            [
                (day(visit, each.day), format_amount(each.paid), format_amount(each.returned))
                for each in reversed(days)
                if each.paid or each.returned
            ],
        ),
    )


def _states(visit: PageRequest, chosen: str) -> list[tuple[str, str, bool]]:
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


def _compared(visit: PageRequest, last: StarComparison) -> ComparedView | None:
    """Return what the bot left of its comparison, None where it never looked."""
    if last.at is None:
        return None
    found = last.differences
    words = visit.say("compared", at=when(visit, last.at), seen=last.seen, count=len(found))
    lines = tuple((_kind(visit, each.kind), each.charge) for each in found[:_MOST_DIFFERENCES])
    return ComparedView(words, not found, lines)


def _kind(visit: PageRequest, kind: str) -> str:
    known = {"paid", "returned", "odd", "missing"}
    return text(visit.language, f"page-differs-{kind}") if kind in known else kind


PurchaseId = Annotated[str, Path(pattern=f"^[0-9a-f]{{{ID_LENGTH}}}$")]


class Back(BaseModel):
    """What the form of a refund says; `amount` "" is all that is left; `sure` on the second."""

    model_config = ConfigDict(frozen=True)

    once: str = Field(pattern=PATTERN)
    grant: int = Field(ge=1, le=MOST_ID)
    amount: str = Field(default="", max_length=30)
    reason: str = Field(default="", max_length=2000)
    sure: bool = False


@dataclass(frozen=True, slots=True)
class GrantForm:
    """One payment of which something may go back; `is_whole`: all of it or nothing."""

    grant_id: int
    title: str
    rest: str
    most: str
    is_whole: bool


@dataclass(frozen=True, slots=True)
class PaymentView:
    """The page; `wrong` says why nothing was sent back, `typed` and `why` what was written."""

    rooms: tuple[Link, ...]
    purchase_id: str
    number: str
    title: str
    chip: Badge
    facts: tuple[tuple[str, str], ...]
    person_href: str
    ledger: Table
    refunds: tuple[Item, ...]
    grants: tuple[GrantForm, ...]
    is_moving: bool
    asked: Confirm | None
    wrong: str
    typed: str
    why: str
    most_reason: int = MOST_REASON


@dataclass(frozen=True, slots=True)
class _Typed:
    asked: Confirm | None = None
    wrong: str = ""
    amount: str = ""
    reason: str = ""


@router.get("/admin/billing/{purchase_id}")
async def show_payment(visit: Selling, purchase_id: PurchaseId) -> Response:
    """Return one payment."""
    return await _page(visit, purchase_id, _Typed())


@router.post("/admin/billing/{purchase_id}/refund")
async def refund(
    visit: Selling, purchase_id: PurchaseId, back: Annotated[Back, Form()]
) -> Response:
    """Ask whether it is meant; then write down what is to go back: who may send it does so."""
    typed = _Typed(amount=back.amount.strip(), reason=" ".join(back.reason.split()))
    details = await _read(visit, purchase_id)
    rest = details.rests.get(back.grant)
    if rest is None:
        raise nowhere()
    amount = _amount(back.amount, rest)
    wrong = _wrong(visit, typed, amount, rest)
    if wrong or amount is None:
        return await _page(visit, purchase_id, _Typed(None, wrong, typed.amount, typed.reason))
    if not back.sure:
        asked = _confirm(visit, purchase_id, back.grant, amount, typed)
        return await _page(visit, purchase_id, _Typed(asked, "", typed.amount, typed.reason))
    return await _want(visit, details, back, amount, typed)


def _confirm(
    visit: PageRequest, purchase_id: str, grant: int, amount: Amount, typed: _Typed
) -> Confirm:
    page, told = f"/admin/billing/{purchase_id}", amount.format(visit.language)
    fields = {"grant": str(grant), "amount": typed.amount, "reason": typed.reason, "sure": "true"}
    return Confirm(
        title=visit.say("refund-sure-title"),
        question=visit.say("refund-sure", amount=told, reason=typed.reason),
        yes=visit.say("yes-refund"),
        action=f"{page}/refund",
        no_href=page,
        fields=fields,
    )


async def _want(
    visit: PageRequest, details: PaymentDetails, back: Back, amount: Amount, typed: _Typed
) -> Response:
    billing, actor = visit.services.billing, visit.caller.actor
    key, purchase_id = f"page:{back.once}", details.purchase.purchase_id
    want = partial(payments.request_refund, billing, actor, details, back.grant)
    try:
        await visit.services.store.do(lambda: want(amount, typed.reason, key))
    except (NotFound, Refused) as error:
        words = text(visit.language, error.key, **error.arguments)
        return await _page(visit, purchase_id, _Typed(None, words, typed.amount, typed.reason))
    return seen_other(f"/admin/billing/{purchase_id}#refunds")


def _amount(said: str, rest: Amount) -> Amount | None:
    """Return what is to go back, None for what is no amount."""
    plain = "".join(said.split()).replace(",", ".").rstrip("₽")
    if not plain or rest.currency is Currency.XTR:
        return rest
    try:
        return roubles(plain)
    except ValueError:
        return None


def _wrong(visit: PageRequest, typed: _Typed, amount: Amount | None, rest: Amount) -> str:
    if amount is None:
        return visit.say("refund-no-amount")
    if not 0 < amount.minor <= rest.minor:
        return visit.say("refund-too-much", rest=rest.format(visit.language))
    if not typed.reason:
        return visit.say("refund-no-reason")
    is_long = len(typed.reason) > MOST_REASON
    return visit.say("refund-long-reason", most=MOST_REASON) if is_long else ""


async def _read(visit: PageRequest, purchase_id: str) -> PaymentDetails:
    billing, actor = visit.services.billing, visit.caller.actor
    show = partial(payments.show_payment, billing, actor, purchase_id)
    try:
        return await visit.services.store.read(show)
    except NotFound:
        raise nowhere() from None


async def _page(visit: PageRequest, purchase_id: str, typed: _Typed) -> Response:
    read = await _read(visit, purchase_id)
    purchase = read.purchase
    view = PaymentView(
        rooms=admin_links(visit),
        purchase_id=purchase_id,
        number=purchase_id[:8],
        title=goods(visit, purchase.order.promise),
        chip=state_chip(visit, purchase),
        facts=tuple(_facts(visit, purchase)),
        person_href=f"/admin/users/{purchase.user_id}" if purchase.user_id else "",
        ledger=_ledger(visit, read.entries),
        refunds=tuple(_refund(visit, each) for each in read.refunds),
        grants=tuple(_grants(visit, read)),
        is_moving=read.is_moving,
        asked=typed.asked,
        wrong=typed.wrong,
        typed=typed.amount,
        why=typed.reason,
    )
    status = 409 if typed.wrong else 200
    return render_page(visit, "admin_payment.html", v=view, keep=NEVER_KEPT, status=status)


def _facts(visit: PageRequest, purchase: Purchase) -> list[tuple[str, str]]:
    order = purchase.order
    whose = str(purchase.user_id) if purchase.user_id else visit.say("left-for-good")
    facts = [
        (visit.say("order-sum"), order.amount.format(visit.language)),
        (visit.say("order-till"), visit.say(f"till-{order.gateway.value}")),
        (visit.say("buyer"), whose),
        (visit.say("order-made"), when(visit, purchase.created_at)),
        (visit.say("order-id"), purchase.purchase_id),
        (visit.say("at-till"), purchase.outside_id or "–"),
    ]
    if order.promo:
        facts.append((visit.say("promo"), order.promo))
    if order.renewal_id is not None:
        facts.append((visit.say("order-how"), visit.say("by-renewal")))
    if purchase.reason:
        facts.append((visit.say("why-canceled"), text(visit.language, reason_key(purchase.reason))))
        facts.append((visit.say("till-word"), purchase.reason))
    if order.is_test:
        facts.append((visit.say("order-kind"), visit.say("is-test")))
    return facts


def _ledger(visit: PageRequest, entries: Sequence[Entry]) -> Table:
    columns = [
        Column(visit.say("entry-number")),
        Column(visit.say("entry-kind")),
        Column(visit.say("order-sum"), "r"),
        Column(visit.say("when")),
        Column(visit.say("entry-about"), "break"),
    ]
    return Table(columns, [_cells(visit, each) for each in entries])


def _cells(visit: PageRequest, entry: Entry) -> tuple[str, ...]:
    rests = visit.say("rests-on", number=entry.refers) if entry.refers else ""
    said = [rests, entry.outside_id, entry.by, entry.reason]
    return (
        str(entry.entry_id),
        visit.say(f"entry-{entry.kind.value}"),
        entry.amount.format(visit.language) if entry.amount.minor else "–",
        when(visit, entry.at),
        " · ".join(filter(None, said)),
    )


def _refund(visit: PageRequest, refund: Refund) -> Item:
    said = [when(visit, refund.at), refund.reason, refund.by, refund.trouble]
    chip = badge(visit, "page-return", refund.state.value)
    about = " · ".join(filter(None, said))
    return Item(refund.amount.format(visit.language), about, chip=chip)


def _grants(visit: PageRequest, details: PaymentDetails) -> list[GrantForm]:
    """Return the payments of which something may go back now."""
    return [
        GrantForm(
            grant_id=number,
            title=visit.say("refund-of", number=number),
            rest=rest.format(visit.language),
            most=rest.decimal,
            is_whole=rest.currency is Currency.XTR,
        )
        for number, rest in details.refundable.items()
    ]
