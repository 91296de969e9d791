"""Reconciliation of the ledger with the payments that the gateways list.

YooKassa, once a day: it finds payments made long after their order expired, money that is still
held, and refunds made in YooKassa's own dashboard while we were down. It changes nothing itself,
but makes the order due for polling.

Stars, each night and at the start, because a bot that was down for a day has lost updates: what
the ledger lacks is stored as if Telegram had just reported it; the admins are notified once of
what cannot be explained.

An operator may compare any time with `merlin billing reconcile`, which changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from merlin.app.bot_settings import Settings
from merlin.app.context import Context
from merlin.app.orders import polled_gateway
from merlin.app.settlement import (
    PaymentOutcome,
    format_amount,
    notify,
    notify_mismatch,
    receive_payment,
    receive_refund,
)
from merlin.billing.ledger import Entry, EntryKind, Ledger, find_inconsistencies, sum_refunds
from merlin.billing.purchases import Purchase, Purchases
from merlin.billing.quota import plans_for_sale
from merlin.core.clock import from_iso, in_zone, iso
from merlin.core.errors import PaymentError
from merlin.core.log import get_logger
from merlin.core.money import Amount
from merlin.db.notices import ADMINS
from merlin.providers.payments import Gateway, GatewayPayment, GatewayRefund, Status

if TYPE_CHECKING:
    from merlin.providers.yookassa import YooKassaGateway

log = get_logger(__name__)

INTERVAL = timedelta(days=1)
# The setting with the time of the last comparison with YooKassa.
SHOP_SETTING = "yookassa.reconciled"
# Chargebacks may come even later; `merlin billing reconcile` finds those.
LOOKBACK = timedelta(days=31)
_NOT_FOUND = "not_found"

Differing = tuple[GatewayPayment, Purchase | None]


def read_last_check(ctx: Context) -> datetime | None:
    """Return when the ledger was last compared with YooKassa's list; None: never."""
    at = Settings(ctx.db).get(SHOP_SETTING)
    return from_iso(at) if at else None


async def reconcile(ctx: Context, now: datetime) -> int:
    """Make orders that differ from YooKassa's list due for polling; return their number.

    The time is stored, so that restarts neither skip nor repeat it. Raises PaymentError.
    """
    payments = await polled_gateway(ctx).between(now - LOOKBACK, now)
    differing = await ctx.store.read(lambda: [*_find_differing(ctx, payments)])
    await ctx.store.do(lambda: _handle_differing(ctx, differing, now))
    if differing:
        log.warning("payments differ from the gateway's list", count=len(differing))
    return len(differing)


def _find_differing(ctx: Context, payments: Iterable[GatewayPayment]) -> Iterator[Differing]:
    shop = ctx.config.payments.yookassa
    for payment in payments:
        # The shop may also be used by other programs.
        is_ours = payment.purchase_id and shop is not None and payment.is_test == shop.test
        if not is_ours or payment.status not in {Status.SUCCEEDED, Status.HELD}:
            continue
        find_by_payment = Purchases(ctx.db, ctx.clock).find_by_payment
        purchase = find_by_payment(payment.outside_id, payment.purchase_id)
        purchase_id = "" if purchase is None else purchase.purchase_id
        entries = Ledger(ctx.db, ctx.clock).entries(purchase_id)
        paid = {entry.outside_id for entry in entries if entry.kind is EntryKind.PAYMENT}
        if payment.outside_id not in paid or payment.refunded > sum_refunds(entries):
            yield payment, purchase


def _handle_differing(ctx: Context, differing: Iterable[Differing], now: datetime) -> None:
    Settings(ctx.db).put(SHOP_SETTING, iso(now), "api")
    for payment, purchase in differing:
        if purchase is not None and purchase.outside_id in {"", payment.outside_id}:
            Purchases(ctx.db, ctx.clock).poll_at(purchase.purchase_id, now)
            continue
        if purchase is not None:
            # Paid a second time: only the order's own payment is polled.
            notify_mismatch(ctx, purchase, payment, "id")
            continue
        arguments = {
            "payment": payment.outside_id,
            "purchase": payment.purchase_id,
            "amount": format_amount(payment.amount),
        }
        once = f"payment-unknown:{payment.outside_id}"
        notify(ctx, ADMINS, "notice-payment-unknown", arguments, once)


# The setting with the result of the last comparison with Telegram, and its author.
SETTING, BY = "stars.reconciled", "bot"
NIGHT_HOUR = 4
# Allowance for the lag of Telegram's list and for clock differences.
LIST_LAG = timedelta(minutes=15)
_MAX_STORED = 50


@dataclass(frozen=True, slots=True)
class StarDifference:
    """A difference: `kind` is paid or returned (stored now), odd, or missing at Telegram."""

    kind: str
    charge: str


@dataclass(frozen=True, slots=True)
class StarComparison:
    """The result of a comparison: its time, the number of movements seen, the differences."""

    at: datetime | None = None
    seen: int = 0
    differences: Sequence[StarDifference] = ()


_COMPARISON = TypeAdapter(StarComparison)
# A page of Telegram's list: the ids on it, and our payments and refunds among them.
StarsPage = tuple[Sequence[str], Sequence[GatewayPayment | GatewayRefund]]
STARS_PAGE_SIZE = 100


def read_last_comparison(settings: Settings) -> StarComparison:
    """Return the stored result of the last comparison; an empty one if it cannot be read."""
    try:
        return _COMPARISON.validate_json(settings.get(SETTING), strict=True)
    except ValidationError:
        return StarComparison()


def sells_for_stars(ctx: Context) -> bool:
    """Return whether there is anything to compare: Stars are accepted, or were."""
    is_sold = any(plan.xtr is not None for plan in plans_for_sale(ctx.plans))
    return is_sold or bool(Settings(ctx.db).get(SETTING))


def is_due(last: datetime | None, now: datetime, zone: tzinfo) -> bool:
    """Return whether the comparison of this night is due; `last` None: there was none yet."""
    local_time = now.astimezone(zone)
    # `!=` also covers a clock that was set back.
    is_another_day = last is None or in_zone(last, zone).date() != local_time.date()
    return is_another_day and local_time.hour >= NIGHT_HOUR


async def reconcile_stars(ctx: Context, read: Callable[[int], Awaitable[StarsPage]]) -> None:
    """Compare Telegram's list with the ledger, and store the differences.

    `read` returns up to STARS_PAGE_SIZE movements from an offset, oldest first; its errors pass.
    """
    started_at = ctx.clock()
    last = await ctx.store.read(lambda: read_last_comparison(Settings(ctx.db)))
    since = last.at and min(last.at, started_at - INTERVAL) - LIST_LAG
    # Read the last page again: movements at its end may have been pending.
    offset, charges = max(last.seen - STARS_PAGE_SIZE, 0), set[str]()
    differences: list[StarDifference] = []
    while True:
        ids, movements = await read(offset)
        is_early = any(each.at and since and each.at < since for each in movements)
        if offset and not (charges or is_early):
            # Payments since then are on earlier pages too. An empty page: the list is shorter than
            # the one seen last, as that of another bot is, which took this one's place.
            offset = max(offset - STARS_PAGE_SIZE, 0) if ids else 0
            continue
        differences += await ctx.write(_store_movements, movements)
        charges |= {*ids}
        offset += len(ids)
        if len(ids) < STARS_PAGE_SIZE:
            break
    differences += await ctx.store.read(
        lambda: _list_missing_stars(ctx, since, started_at, charges)
    )
    comparison = StarComparison(started_at, offset, differences)
    await ctx.store.do(lambda: _store_comparison(ctx, comparison))
    log.info("stars were compared", seen=offset, differences=len(differences))


def _store_movements(
    ctx: Context, movements: Iterable[GatewayPayment | GatewayRefund]
) -> list[StarDifference]:
    """Store what the ledger lacks; return the differences."""
    differences: list[StarDifference] = []
    for movement in movements:
        if isinstance(movement, GatewayPayment):
            outcome, kind = receive_payment(ctx, movement), "paid"
        else:
            outcome, kind = receive_refund(ctx, movement), "returned"
        if outcome is not PaymentOutcome.NOTHING:
            kind = "odd" if outcome is PaymentOutcome.WRONG else kind
            differences.append(StarDifference(kind, movement.outside_id))
    return differences


def _list_missing_stars(
    ctx: Context, since: datetime | None, started_at: datetime, charges: set[str]
) -> list[StarDifference]:
    """Return payments of the ledger since a time that Telegram does not list."""
    if since is None:
        return []
    return [
        StarDifference("missing", entry.outside_id)
        for entry, _ in Ledger(ctx.db, ctx.clock).list_period(since, started_at - LIST_LAG)
        if entry.gateway is Gateway.STARS
        and entry.kind is EntryKind.PAYMENT
        and entry.outside_id not in charges
    ]


def _store_comparison(ctx: Context, comparison: StarComparison) -> None:
    at = comparison.at or ctx.clock()
    stored = replace(comparison, at=at, differences=comparison.differences[:_MAX_STORED])
    Settings(ctx.db).put(SETTING, _COMPARISON.dump_json(stored).decode(), BY)
    for difference in comparison.differences:
        if difference.kind == "missing":
            charge, once = difference.charge, f"missing:{difference.charge}"
            notify(ctx, ADMINS, "notice-stars-missing", {"charge": charge}, once)


class Difference(StrEnum):
    """How ledger and gateway differ; the values are in Fluent keys and in JSON."""

    NOT_STORED = "not-stored"
    NOT_THERE = "not-there"
    NOT_PAID = "not-paid"
    AMOUNT = "amount"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A payment that differs; an amount is None on the side that does not have the payment."""

    difference: Difference
    outside_id: str
    purchase_id: str
    ours: Amount | None
    theirs: Amount | None


def compare(entries: Sequence[Entry], payments: Iterable[GatewayPayment]) -> list[Mismatch]:
    """Return the differences between a ledger's rows and a gateway's payments.

    `entries` are complete purchases: those of the period, and those that the gateway names. An
    unpaid payment that only the gateway has is no difference.
    """
    theirs = {payment.outside_id: payment for payment in payments}
    ours = {entry.outside_id: entry for entry in entries if entry.kind is EntryKind.PAYMENT}
    # The refunded amount of each payment in minor units, by its row.
    refunded = Counter[int | None]()
    grants = {entry.entry_id: entry.refers for entry in entries if entry.kind is EntryKind.GRANT}
    for entry in entries:
        if entry.kind is EntryKind.REFUND and entry.refers in grants:
            refunded[grants[entry.refers]] += entry.amount.minor
    missing = (
        Mismatch(Difference.NOT_THERE, outside_id, entry.purchase_id, entry.amount, None)
        for outside_id, entry in ours.items()
        if outside_id not in theirs
    )
    return [*_compare_theirs(theirs, ours, refunded), *missing]


def _compare_theirs(
    theirs: Mapping[str, GatewayPayment], ours: Mapping[str, Entry], refunded: Counter[int | None]
) -> Iterator[Mismatch]:
    for outside_id, payment in theirs.items():
        entry = ours.get(outside_id)
        is_paid = payment.status is Status.SUCCEEDED and payment.is_paid
        if entry is None:
            if is_paid:
                difference = Difference.NOT_STORED
                yield Mismatch(difference, outside_id, payment.purchase_id, None, payment.amount)
        elif not is_paid or entry.amount != payment.amount:
            difference = Difference.AMOUNT if is_paid else Difference.NOT_PAID
            yield Mismatch(difference, outside_id, entry.purchase_id, entry.amount, payment.amount)
        elif refunded[entry.entry_id] != payment.refunded:
            minors = refunded[entry.entry_id], payment.refunded
            amounts = (Amount(minor, entry.amount.currency) for minor in minors)
            yield Mismatch(Difference.RETURNED, outside_id, entry.purchase_id, *amounts)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The result of `compare_all`.

    `payments` is the number of YooKassa's payments in the period, None without a shop. `stars` is
    the bot's last comparison, None if there was none. `wrong` are faults within the ledger.
    """

    payments: int | None
    found: Sequence[Mismatch]
    stars: StarComparison | None
    wrong: Sequence[str]

    @property
    def is_clean(self) -> bool:
        """Return whether there is no difference."""
        return not (self.found or self.wrong or (self.stars and self.stars.differences))


async def compare_all(
    ctx: Context, gateway: YooKassaGateway | None, since: datetime, until: datetime
) -> Reconciliation:
    """Compare the ledger with YooKassa's list of a period, and change nothing.

    Near the period's ends the two may date a payment differently; a payment missing in the list is
    therefore fetched by its id. Raises PaymentError.
    """
    entries = [entry for entry, _ in Ledger(ctx.db, ctx.clock).list_period(since, until)]
    comparison = read_last_comparison(Settings(ctx.db))
    stars = None if comparison.at is None else comparison
    wrong = [*find_inconsistencies(_entries_of(ctx, {entry.purchase_id for entry in entries}))]
    if gateway is None:
        return Reconciliation(None, (), stars, wrong)
    shop_entries = [entry for entry in entries if entry.gateway is Gateway.YOOKASSA]
    payments = await _list_payments(gateway, shop_entries, since, until)
    known: list[Entry | GatewayPayment] = [*shop_entries, *payments]
    payment_ids = {item.outside_id for item in known}
    # Of the purchases in YooKassa's list, ignore payments of other periods.
    compared = [
        entry
        for entry in _entries_of(ctx, {item.purchase_id for item in known})
        if entry.gateway is Gateway.YOOKASSA
        and (entry.kind is not EntryKind.PAYMENT or entry.outside_id in payment_ids)
    ]
    return Reconciliation(len(payments), compare(compared, payments), stars, wrong)


async def _list_payments(
    gateway: YooKassaGateway, entries: Sequence[Entry], since: datetime, until: datetime
) -> list[GatewayPayment]:
    payments = [*await gateway.between(since, until)]
    known = {payment.outside_id for payment in payments}
    for entry in entries:
        if entry.kind is EntryKind.PAYMENT and entry.outside_id not in known:
            try:
                payments.append(await gateway.find(entry.outside_id))
            except PaymentError as error:
                if error.code != _NOT_FOUND:
                    raise
    return payments


def _entries_of(ctx: Context, purchase_ids: set[str]) -> list[Entry]:
    entries = [
        entry
        for purchase_id in purchase_ids
        for entry in Ledger(ctx.db, ctx.clock).entries(purchase_id)
    ]
    return sorted(entries, key=lambda entry: entry.entry_id)
