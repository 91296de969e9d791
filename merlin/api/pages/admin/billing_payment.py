"""Billing, one payment: its order, its rows in the ledger, its refunds; money sent back.

Sending back is asked twice: the first form shows the sum and the reason again, the second sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Form, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from merlin.account import audit
from merlin.api.pages.admin.rooms import rooms
from merlin.api.pages.answering import shown
from merlin.api.pages.chip import chip
from merlin.api.pages.frame import Link
from merlin.api.pages.mark import PATTERN
from merlin.api.pages.order_view import state_chip
from merlin.api.pages.plan_words import goods
from merlin.api.pages.room import Selling, nowhere
from merlin.api.pages.telling import when
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit
from merlin.api.shape import MOST_ID
from merlin.billing.amount import Amount, Currency, roubles
from merlin.billing.ledger import Entry, EntryKind
from merlin.billing.purchase import ID_LENGTH, Purchase
from merlin.billing.refund import MOST_REASON, Refund, RefundState
from merlin.billing.settling import reason_key
from merlin.core.errors import NotFound, Refused
from merlin.core.text import text
from merlin.core.web.answering import NEVER_KEPT, seen_other
from merlin.core.web.chip import Chip

router = APIRouter(route_class=PageRoute, include_in_schema=False)

PurchaseId = Annotated[str, Path(pattern=f"^[0-9a-f]{{{ID_LENGTH}}}$")]
_UNDER_WAY = (RefundState.WANTED, RefundState.SENDING)


class Back(BaseModel):
    """What the form of a refund says; `amount` "" is all that is left; `sure` on the second."""

    model_config = ConfigDict(frozen=True)

    once: str = Field(pattern=PATTERN)
    grant: int = Field(ge=1, le=MOST_ID)
    amount: str = Field(default="", max_length=30)
    reason: str = Field(default="", max_length=2000)
    sure: bool = False


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row of the ledger."""

    number: str
    kind: str
    amount: str
    at: str
    about: str


@dataclass(frozen=True, slots=True)
class RefundRow:
    """One refund as it stands."""

    amount: str
    about: str
    chip: Chip


@dataclass(frozen=True, slots=True)
class GrantForm:
    """One payment of which something may go back; `is_whole`: all of it or nothing."""

    grant_id: int
    title: str
    rest: str
    most: str
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A refund that was asked for once; the page asks whether it is meant."""

    grant_id: int
    question: str
    amount: str
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentView:
    """The page; `wrong` says why nothing was sent back, `typed` and `why` what was written."""

    rooms: tuple[Link, ...]
    purchase_id: str
    number: str
    title: str
    chip: Chip
    facts: tuple[tuple[str, str], ...]
    person_href: str
    rows: tuple[LedgerRow, ...]
    refunds: tuple[RefundRow, ...]
    grants: tuple[GrantForm, ...]
    is_moving: bool
    asked: Asked | None
    wrong: str
    typed: str
    why: str
    most_reason: int = MOST_REASON


@dataclass(frozen=True, slots=True)
class _Typed:
    asked: Asked | None = None
    wrong: str = ""
    amount: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    purchase: Purchase
    entries: Sequence[Entry]
    refunds: Sequence[Refund]
    rests: dict[int, Amount] = field(default_factory=dict)


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
    read = await _read(visit, purchase_id)
    rest = read.rests.get(back.grant)
    if rest is None:
        raise nowhere()
    amount = _amount(back.amount, rest)
    wrong = _wrong(visit, typed, amount, rest)
    if wrong or amount is None:
        return await _page(visit, purchase_id, _Typed(None, wrong, typed.amount, typed.reason))
    if not back.sure:
        said = amount.told(visit.language)
        question = visit.say("refund-sure", amount=said, reason=typed.reason)
        asked = Asked(back.grant, question, typed.amount, typed.reason)
        return await _page(visit, purchase_id, _Typed(asked, "", typed.amount, typed.reason))
    return await _want(visit, purchase_id, back, amount, typed)


async def _want(
    visit: Visit, purchase_id: str, back: Back, amount: Amount, typed: _Typed
) -> Response:
    refunds, by = visit.services.rows.books.refunds, audit.user(visit.caller.user_id)
    key = f"page:{back.once}"
    try:
        await visit.services.store.do(
            lambda: refunds.want(back.grant, amount, typed.reason, by, key)
        )
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


def _wrong(visit: Visit, typed: _Typed, amount: Amount | None, rest: Amount) -> str:
    if amount is None:
        return visit.say("refund-no-amount")
    if not 0 < amount.minor <= rest.minor:
        return visit.say("refund-too-much", rest=rest.told(visit.language))
    if not typed.reason:
        return visit.say("refund-no-reason")
    is_long = len(typed.reason) > MOST_REASON
    return visit.say("refund-long-reason", most=MOST_REASON) if is_long else ""


async def _read(visit: Visit, purchase_id: str) -> _Read:
    books = visit.services.rows.books

    def read() -> _Read:
        purchase = books.purchases.get(purchase_id)
        entries = books.ledger.entries(purchase_id)
        grants = [each.entry_id for each in entries if each.kind is EntryKind.GRANT]
        rests = {each: books.ledger.rest(each) for each in grants}
        return _Read(purchase, entries, books.refunds.of(purchase_id), rests)

    try:
        return await visit.services.store.read(read)
    except NotFound:
        raise nowhere() from None


async def _page(visit: Visit, purchase_id: str, typed: _Typed) -> Response:
    read = await _read(visit, purchase_id)
    purchase = read.purchase
    view = PaymentView(
        rooms=rooms(visit),
        purchase_id=purchase_id,
        number=purchase_id[:8],
        title=goods(visit, purchase.order.promise),
        chip=state_chip(visit, purchase),
        facts=tuple(_facts(visit, purchase)),
        person_href=f"/admin/users/{purchase.user_id}" if purchase.user_id else "",
        rows=tuple(_row(visit, each) for each in read.entries),
        refunds=tuple(_refund(visit, each) for each in read.refunds),
        grants=tuple(_grants(visit, read)),
        is_moving=any(each.state in _UNDER_WAY for each in read.refunds),
        asked=typed.asked,
        wrong=typed.wrong,
        typed=typed.amount,
        why=typed.reason,
    )
    status = 409 if typed.wrong else 200
    return shown(visit, "admin_payment.html", v=view, keep=NEVER_KEPT, status=status)


def _facts(visit: Visit, purchase: Purchase) -> list[tuple[str, str]]:
    order = purchase.order
    whose = str(purchase.user_id) if purchase.user_id else visit.say("left-for-good")
    facts = [
        (visit.say("order-sum"), order.amount.told(visit.language)),
        (visit.say("order-till"), visit.say(f"till-{order.till.value}")),
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


def _row(visit: Visit, entry: Entry) -> LedgerRow:
    rests = visit.say("rests-on", number=entry.refers) if entry.refers else ""
    said = [rests, entry.outside_id, entry.by, entry.reason]
    return LedgerRow(
        number=str(entry.entry_id),
        kind=visit.say(f"entry-{entry.kind.value}"),
        amount=entry.amount.told(visit.language) if entry.amount.minor else "–",
        at=when(visit, entry.at),
        about=" · ".join(filter(None, said)),
    )


def _refund(visit: Visit, refund: Refund) -> RefundRow:
    said = [when(visit, refund.at), refund.reason, refund.by, refund.trouble]
    return RefundRow(
        amount=refund.amount.told(visit.language),
        about=" · ".join(filter(None, said)),
        chip=chip(visit, "page-return", refund.state.value),
    )


def _grants(visit: Visit, read: _Read) -> list[GrantForm]:
    """Return the payments of which something may go back now."""
    moving = {each.grant_id for each in read.refunds if each.state in _UNDER_WAY}
    return [
        GrantForm(
            grant_id=number,
            title=visit.say("refund-of", number=number),
            rest=rest.told(visit.language),
            most=rest.decimal,
            is_whole=rest.currency is Currency.XTR,
        )
        for number, rest in read.rests.items()
        if rest.minor > 0 and number not in moving
    ]
