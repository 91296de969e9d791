"""What the gateways list of their payments, held against the ledger.

YooKassa once a day: what was paid long after its order ended, or sent back in the shop's own
cabinet while we were down, has no other way here. Nothing is changed by it but when an order is
looked at.

Stars each night, and at the start, as a bot that was away for a day has lost updates: what the
ledger lacks is stored as if Telegram had just told it; what cannot be explained is told to the
admins, once.

An operator may compare any time with `merlin billing reconcile`, which changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from merlin.app.context import Context
from merlin.app.orders import polled_gateway
from merlin.app.settlement import Outcome, money_text, receive_payment, receive_refund
from merlin.app.texts import Settings
from merlin.billing.ledger import Entry, EntryKind, Ledger, faults, money_back
from merlin.billing.purchases import Purchase, Purchases
from merlin.billing.quota import on_sale
from merlin.billing.report import Found, compare, missing
from merlin.core.clock import from_iso, in_zone, iso
from merlin.core.errors import NotFound, PaymentError
from merlin.core.log import get_logger
from merlin.db.notices import ADMINS, Notices
from merlin.providers.payments import (
    Gateway,
    GatewayPayment,
    GatewayRefund,
    Status,
)

if TYPE_CHECKING:
    from merlin.providers.yookassa import YooKassaGateway

log = get_logger(__name__)

EVERY = timedelta(days=1)
# Cards are charged back later still; that is for `merlin billing reconcile`.
BACK = timedelta(days=31)
_NOT_FOUND = "not_found"

Differing = tuple[GatewayPayment, Purchase | None]


async def reconcile(ctx: Context, now: datetime) -> int:
    """Let the orders be looked at that differ from YooKassa's list; return how many.

    Raises PaymentError.
    """
    listed = await polled_gateway(ctx).between(now - BACK, now)
    differing = await ctx.store.read(lambda: [*_differing(ctx, listed)])
    await ctx.store.do(lambda: _note(ctx, differing, now))
    if differing:
        log.warning("payments differ from the gateway's list", count=len(differing))
    return len(differing)


def _differing(ctx: Context, listed: Iterable[GatewayPayment]) -> Iterator[Differing]:
    shop = ctx.config.payments.yookassa
    for payment in listed:
        # A shop may sell other things, by other programs.
        is_ours = payment.purchase_id and shop is not None and payment.is_test == shop.test
        if not is_ours or payment.status is not Status.SUCCEEDED:
            continue
        purchase = _purchase_of(ctx, payment)
        number = "" if purchase is None else purchase.purchase_id
        entries = Ledger(ctx.db, ctx.clock).entries(number)
        paid = {entry.outside_id for entry in entries if entry.kind is EntryKind.PAYMENT}
        if payment.outside_id not in paid or payment.refunded > money_back(entries):
            yield payment, purchase


def _purchase_of(ctx: Context, payment: GatewayPayment) -> Purchase | None:
    known = Purchases(ctx.db, ctx.clock).by_outside(Gateway.YOOKASSA, payment.outside_id)
    if known is not None:
        return known
    try:
        return Purchases(ctx.db, ctx.clock).get(payment.purchase_id)
    except NotFound:
        return None


def _note(ctx: Context, differing: Iterable[Differing], now: datetime) -> None:
    for payment, purchase in differing:
        if purchase is not None:
            Purchases(ctx.db, ctx.clock).look(purchase.purchase_id, now)
            continue
        arguments = {
            "payment": payment.outside_id,
            "purchase": payment.purchase_id,
            "amount": money_text(payment.amount),
        }
        once = f"payment-unknown:{payment.outside_id}"
        Notices(ctx.db, ctx.clock).tell(ADMINS, "notice-payment-unknown", arguments, once)


# Where what came of the last comparison with Telegram is kept, and who keeps it.
SETTING, BY = "stars.reconciled", "bot"
NIGHT_HOUR = 4
# What Telegram may not have listed yet, and how far clocks may lie apart.
FRESH = timedelta(minutes=15)
_MAX_KEPT = 50


@dataclass(frozen=True, slots=True)
class StarDifference:
    """What differed: `kind` is paid or returned (stored now), odd, or missing at Telegram."""

    kind: str
    charge: str


@dataclass(frozen=True, slots=True)
class StarComparison:
    """What the last comparison came to: when, how many movements there were, what differed."""

    at: datetime | None = None
    seen: int = 0
    differences: Sequence[StarDifference] = field(default_factory=tuple)


# A part of Telegram's list: the ids on it, and what of it is payments and refunds of ours.
StarsPage = tuple[Sequence[str], Sequence[GatewayPayment | GatewayRefund]]
MAX_MOVED = 100


def last_comparison(settings: Settings) -> StarComparison:
    """Return what was kept of the last comparison; nothing where that cannot be read."""
    try:
        kept = json.loads(settings.get(SETTING))
        found = [
            StarDifference(str(each["kind"]), str(each["charge"])) for each in kept["differences"]
        ]
        return StarComparison(from_iso(kept["at"]), int(kept["seen"]), tuple(found))
    except (ValueError, KeyError, TypeError):
        return StarComparison()


def sells_for_stars(ctx: Context) -> bool:
    """Return whether there is anything to compare: Stars are taken, or were."""
    is_sold = any(each.xtr is not None for each in on_sale(ctx.plans))
    return is_sold or bool(Settings(ctx.db).get(SETTING))


def is_due(last: datetime | None, now: datetime, zone: tzinfo) -> bool:
    """Return whether it is night again since the last comparison, None for none yet."""
    here = now.astimezone(zone)
    # Also on a day before the last one: then the clock was set back since.
    is_another_day = last is None or in_zone(last, zone).date() != here.date()
    return is_another_day and here.hour >= NIGHT_HOUR


async def reconcile_stars(ctx: Context, read: Callable[[int], Awaitable[StarsPage]]) -> None:
    """Hold Telegram's list against the ledger.

    `read` returns up to MAX_MOVED movements behind so many, oldest first. Raises what it raises.
    """
    began = ctx.clock()
    last = await ctx.store.read(lambda: last_comparison(Settings(ctx.db)))
    # The last page is read again: at its end something may have been under way.
    offset, charges = max(last.seen - MAX_MOVED, 0), set[str]()
    star_differences: list[StarDifference] = []
    while True:
        listed, moved = await read(offset)
        star_differences += await ctx.write(_store_movements, moved)
        charges |= {*listed}
        offset += len(listed)
        if len(listed) < MAX_MOVED:
            break
    since = last.at if last.at is None else min(last.at, began - EVERY)
    star_differences += await ctx.store.read(lambda: _missing_stars(ctx, since, began, charges))
    comparison = StarComparison(began, offset, star_differences)
    await ctx.store.do(lambda: _keep(ctx, comparison))
    log.info("stars were compared", seen=offset, differences=len(star_differences))


def _store_movements(
    ctx: Context, moved: Iterable[GatewayPayment | GatewayRefund]
) -> list[StarDifference]:
    """Store what the ledger lacks; return what differed."""
    star_differences: list[StarDifference] = []
    for each in moved:
        if isinstance(each, GatewayPayment):
            outcome, kind = receive_payment(ctx, each), "paid"
        else:
            outcome, kind = receive_refund(ctx, each), "returned"
        if outcome is not Outcome.NOTHING:
            kind = "odd" if outcome is Outcome.WRONG else kind
            star_differences.append(StarDifference(kind, each.outside_id))
    return star_differences


def _missing_stars(
    ctx: Context, since: datetime | None, began: datetime, charges: set[str]
) -> list[StarDifference]:
    """Return the payments of the ledger since the last time that Telegram does not list."""
    if since is None:
        return []
    return [
        StarDifference("missing", entry.outside_id)
        for entry, _ in Ledger(ctx.db, ctx.clock).between(since - FRESH, began - FRESH)
        if entry.gateway is Gateway.STARS
        and entry.kind is EntryKind.PAYMENT
        and entry.outside_id not in charges
    ]


def _keep(ctx: Context, comparison: StarComparison) -> None:
    values = {
        "at": iso(comparison.at or ctx.clock()),
        "seen": comparison.seen,
        "differences": [asdict(difference) for difference in comparison.differences[:_MAX_KEPT]],
    }
    Settings(ctx.db).put(SETTING, json.dumps(values), BY)
    for difference in comparison.differences:
        if difference.kind == "missing":
            once = f"missing:{difference.charge}"
            Notices(ctx.db, ctx.clock).tell(
                ADMINS, "notice-stars-missing", {"charge": difference.charge}, once
            )


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was compared, and what differs.

    `payments` is how many YooKassa has of the time, None where there is no shop. `stars` is what
    the bot found last, None where it never looked. `wrong` are faults of the ledger itself.
    """

    payments: int | None
    found: Sequence[Found]
    stars: StarComparison | None
    wrong: Sequence[str]

    @property
    def is_clean(self) -> bool:
        """Return whether nothing differs."""
        return not (self.found or self.wrong or (self.stars and self.stars.differences))


async def compare_all(
    ctx: Context,
    gateway: YooKassaGateway | None,
    since: datetime,
    until: datetime,
) -> Reconciliation:
    """Compare the ledger with YooKassa's list of a time, and change nothing.

    A payment counts by when it was made, which the two may see on two sides of a border: what one
    of them lacks is asked for by its name. Raises PaymentError.
    """
    entries = [entry for entry, _ in Ledger(ctx.db, ctx.clock).between(since, until)]
    compared = last_comparison(Settings(ctx.db))
    stars = None if compared.at is None else compared
    wrong = [*faults(_whole(ctx, {each.purchase_id for each in entries}))]
    if gateway is None:
        return Reconciliation(None, (), stars, wrong)
    mine = [each for each in entries if each.gateway is Gateway.YOOKASSA]
    seen = await _listed(gateway, mine, since, until)
    known = {each.purchase_id for each in mine} | {each.purchase_id for each in seen}
    whole = [each for each in _whole(ctx, known) if each.gateway is Gateway.YOOKASSA]
    # Of a purchase named by the gateway, the payments of another time are not looked at.
    named = {each.outside_id for each in mine} | {each.outside_id for each in seen}
    here = [
        each for each in whole if each.kind is not EntryKind.PAYMENT or each.outside_id in named
    ]
    return Reconciliation(len(seen), compare(here, seen), stars, wrong)


async def _listed(
    gateway: YooKassaGateway, entries: Sequence[Entry], since: datetime, until: datetime
) -> list[GatewayPayment]:
    listed = [*await gateway.between(since, until)]
    for outside_id in missing(entries, listed):
        try:
            listed.append(await gateway.find(outside_id))
        except PaymentError as error:
            if error.code != _NOT_FOUND:
                raise
    return listed


def _whole(ctx: Context, purchase_ids: set[str]) -> list[Entry]:
    found = [entry for one in purchase_ids for entry in Ledger(ctx.db, ctx.clock).entries(one)]
    return sorted(found, key=lambda each: each.entry_id)
