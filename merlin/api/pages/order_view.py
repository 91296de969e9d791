"""Order view: the truth about one order, as its state, its rows in the ledger and its till say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merlin.api.pages.bot_link import PLANS, bot_opened
from merlin.api.pages.chip import chip
from merlin.api.pages.plan_words import goods, pack_words, until
from merlin.api.pages.shop import may_be_led_to, may_be_paid_here
from merlin.api.pages.telling import when
from merlin.api.pages.visit import Visit
from merlin.api.till.desk import BY_BUYER
from merlin.billing.ledger import Entry, EntryKind
from merlin.billing.plan import plan_named
from merlin.billing.purchase import Purchase, PurchaseState, Till
from merlin.billing.quota import Given
from merlin.billing.refund import Refund, RefundState
from merlin.billing.settling import reason_key
from merlin.billing.term import Term
from merlin.core.text import text
from merlin.core.web.chip import Chip

_SHORT = 8
_UNASKED = (PurchaseState.CREATED, PurchaseState.ASKING)
_WAITS = (*_UNASKED, PurchaseState.PENDING)


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order in the list."""

    href: str
    title: str
    about: str
    amount: str
    chip: Chip


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order. `lead` says what is so, `granted` and `returned` are a line each.

    `pay_href` leads to the till's page; `may_ask`: it is asked for that page first. `again_href`
    buys the same anew. `live_href` "" where nothing changes by itself any more; it is asked every
    `live_s` seconds whether this is still what there is `now`.
    """

    order_id: str
    number: str
    title: str
    chip: Chip
    lead: str
    granted: tuple[str, ...]
    returned: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    pay_href: str
    may_ask: bool
    may_check: bool
    may_cancel: bool
    again_href: str
    bot_href: str
    is_good: bool
    now: str
    live_href: str = ""
    live_s: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What is read of rows about one order."""

    purchase: Purchase
    entries: Sequence[Entry]
    refunds: Sequence[Refund]
    terms: Sequence[Term]
    gifts: Sequence[Given]
    bot_href: str


def read_order(visit: Visit, purchase: Purchase) -> Told:
    """Return what there is about an order; reads rows."""
    rows, books, number = visit.services.rows, visit.services.rows.books, purchase.purchase_id
    return Told(
        purchase=purchase,
        entries=books.ledger.entries(number),
        refunds=books.refunds.of(number),
        terms=books.terms.of(purchase.user_id),
        gifts=rows.quotas.gifts(purchase.user_id),
        bot_href=bot_opened(visit.services, PLANS),
    )


def order_row(visit: Visit, purchase: Purchase) -> OrderRow:
    """Return a line of the list."""
    order = purchase.order
    return OrderRow(
        href=f"/orders/{purchase.purchase_id}",
        title=goods(visit, order.promise),
        about=f"{when(visit, purchase.created_at)} · {purchase.purchase_id[:_SHORT]}",
        amount=order.amount.told(visit.language),
        chip=state_chip(visit, purchase),
    )


def state_chip(visit: Visit, purchase: Purchase) -> Chip:
    """Return where an order stands; one that is too old to be paid is told as expired."""
    return chip(visit, "page-order", _state(visit, purchase).value)


def _state(visit: Visit, purchase: Purchase) -> PurchaseState:
    is_late = purchase.state in _WAITS and not purchase.may_be_paid(visit.services.clock())
    return PurchaseState.EXPIRED if is_late else purchase.state


def order_view(visit: Visit, told: Told, *, is_silent: bool = False) -> OrderView:
    """Return what an order's page shows; `is_silent`: the till did not answer just now."""
    purchase = told.purchase
    state, order = _state(visit, purchase), purchase.order
    waits = state in _WAITS
    by_card = order.till is Till.YOOKASSA
    has_page = waits and may_be_led_to(visit, purchase)
    return OrderView(
        order_id=purchase.purchase_id,
        number=purchase.purchase_id[:_SHORT],
        title=goods(visit, order.promise),
        chip=state_chip(visit, purchase),
        lead=_lead(visit, told, state, is_silent=is_silent),
        granted=tuple(_granted(visit, told)) if state.is_paid else (),
        returned=tuple(_returned(visit, told)),
        facts=tuple(_facts(visit, purchase)),
        pay_href=f"/orders/{purchase.purchase_id}/pay" if has_page else "",
        may_ask=waits and _may_ask(visit, purchase) and not has_page,
        may_check=by_card and (waits or state is PurchaseState.HELD),
        may_cancel=waits and order.renewal_id is None,
        again_href=_again(visit, purchase, state),
        bot_href=told.bot_href,
        is_good=state is PurchaseState.PAID and not _is_empty(told),
        now=f"{state.value}.{'page' if has_page else 'none'}",
    )


def _may_ask(visit: Visit, purchase: Purchase) -> bool:
    """Return whether its buyer may ask the till for its page; nobody pays a renewal by hand."""
    return may_be_paid_here(visit, purchase) and purchase.order.renewal_id is None


def _is_empty(told: Told) -> bool:
    """Return whether all that was paid grants nothing, because its code was used before."""
    grants = [each for each in told.entries if each.kind is EntryKind.GRANT]
    return bool(grants) and all(each.is_empty for each in grants)


def _lead(visit: Visit, told: Told, state: PurchaseState, *, is_silent: bool) -> str:
    """Return what is so, in a sentence or two."""
    purchase = told.purchase
    name, order = state.value, purchase.order
    if _is_empty(told):
        name = "code-taken"
    elif state is PurchaseState.CANCELED and purchase.reason == BY_BUYER:
        name = "given-up"
    elif state is PurchaseState.PENDING and is_silent:
        name = "look-silent"
    elif state in _UNASKED:
        by_card = "silent" if is_silent else "asking"
        name = by_card if order.till is Till.YOOKASSA else "pending"
    said = {
        "amount": order.amount.told(visit.language),
        "until": when(visit, purchase.expires_at),
        "till": order.till.value,
        "why": text(visit.language, reason_key(purchase.reason)),
    }
    return visit.say(f"order-lead-{name}", **said)


def _granted(visit: Visit, told: Told) -> list[str]:
    """Return what the payment brought, as it stands now."""
    grants = {each.entry_id for each in told.entries if each.kind is EntryKind.GRANT}
    now = visit.services.clock()
    lines = [
        visit.say(
            "granted-term",
            title=_title(visit, term.plan, told.purchase),
            since=until(visit, term.starts_at) if term.starts_at > now else "",
            until=until(visit, term.ends_at),
            state="over" if term.ends_at <= now else "later" if term.starts_at > now else "now",
        )
        for term in told.terms
        if term.grant_id in grants
    ]
    return [*lines, *_packed(visit, told, grants)]


def _packed(visit: Visit, told: Told, grants: set[int]) -> list[str]:
    keys = {
        f"grant:{grant}:{kind.value}": kind
        for grant in grants
        for kind in told.purchase.order.promise.pack
    }
    now, lines = visit.services.clock(), []
    for given in told.gifts:
        gift, kind = given.gift, keys.get(given.gift.key or "")
        if kind is None:
            continue
        what = pack_words(visit, {kind: gift.amount})[0]
        is_over = gift.expires_at is not None and gift.expires_at <= now
        day = until(visit, gift.expires_at) if gift.expires_at else ""
        state = "over" if is_over else "until" if day else "kept"
        left = max(gift.amount - given.used, 0)
        lines.append(visit.say("granted-pack", what=what, left=left, until=day, state=state))
    return lines


def _title(visit: Visit, name: str, purchase: Purchase) -> str:
    plan = plan_named(visit.services.plans, name)
    title = purchase.order.promise.title
    return plan.titled(visit.language) if plan else title.get(visit.language, name)


def _returned(visit: Visit, told: Told) -> list[str]:
    """Return the money that went back, and that is on its way."""
    lines = [
        visit.say("refund-done", amount=each.amount.told(visit.language), at=when(visit, each.at))
        for each in told.entries
        if each.kind is EntryKind.REFUND
    ]
    under_way = (RefundState.WANTED, RefundState.SENDING)
    lines += [
        visit.say("refund-on-way", amount=each.amount.told(visit.language))
        for each in told.refunds
        if each.state in under_way
    ]
    return lines


def _facts(visit: Visit, purchase: Purchase) -> list[tuple[str, str]]:
    order = purchase.order
    facts = [
        (visit.say("order-sum"), order.amount.told(visit.language)),
        (visit.say("order-till"), visit.say(f"till-{order.till.value}")),
        (visit.say("order-made"), when(visit, purchase.created_at)),
    ]
    if order.promo:
        facts.append((visit.say("promo"), order.promo))
    if order.contact:
        facts.append((visit.say("receipt-to"), order.contact))
    if order.is_test:
        facts.append((visit.say("order-kind"), visit.say("order-test")))
    return facts


def _again(visit: Visit, purchase: Purchase, state: PurchaseState) -> str:
    """Return where the same is bought anew, once this order is over and it is still sold."""
    if state.is_open:
        return ""
    name = purchase.order.promise.plan
    plan = plan_named(visit.services.plans, name)
    if plan is None or not plan.offer.is_sold:
        return ""
    return f"/checkout/{name}" if state.rank == PurchaseState.EXPIRED.rank else ""
