"""`merlin billing check`: the ledger compared with YooKassa's payments, and what renews."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from merlin.app.context import Context
from merlin.billing.ledger import EntryKind, Ledger, LedgerEntry, sum_refunds
from merlin.billing.subscriptions import Subscriptions
from merlin.core.money import Amount
from merlin.providers.payments import Gateway, GatewayPayment, PaymentStatus

if TYPE_CHECKING:
    from merlin.providers.yookassa import YooKassaGateway

# YooKassa lists payments by their creation; three days later no order is paid any more, and a week
# after that no money is held.
_PAID_AFTER = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class PaymentSums:
    """What was paid and what was refunded of one payment: "299.00"; `order` is its order's id."""

    order: str
    paid: str
    returned: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A payment whose sums differ; None where it is missing."""

    payment: str
    ledger: PaymentSums | None
    yookassa: PaymentSums | None


@dataclass(frozen=True, slots=True)
class BillingCheck:
    """The result: `payments` is how many YooKassa lists.

    `renewals` is how many orders in Stars renew, by state.
    """

    payments: int
    differences: Sequence[Difference]
    renewals: Mapping[str, int]


async def check_billing(
    ctx: Context, gateway: YooKassaGateway, since: datetime, until: datetime
) -> BillingCheck:
    """Compare what was paid in a period, and change nothing. Raises PaymentError."""
    ledger = Ledger(ctx.db, ctx.clock)
    listed = [
        payment
        for payment in await gateway.between(since - _PAID_AFTER, until)
        # Other programs that use the shop name no order.
        if payment.purchase_id and payment.at and since <= payment.at < until
    ]
    # Whole orders: a payment of the period may have been refunded later.
    entries = [
        entry
        for order in ledger.list_orders(since, until)
        for entry in ledger.entries(order)
        if entry.kind is not EntryKind.PAYMENT or since <= entry.at < until
    ]
    renewals = Subscriptions(ctx.db, ctx.clock).count_states()
    return BillingCheck(len(listed), find_differences(entries, listed), renewals)


def find_differences(
    entries: Sequence[LedgerEntry], payments: Iterable[GatewayPayment]
) -> list[Difference]:
    """Return the payments that differ; one that was not paid is none."""
    theirs = {
        each.outside_id: replace(
            _sums(each.purchase_id, each.amount, each.refunded), paid=each.paid
        )
        for each in payments
        if each.status is PaymentStatus.SUCCEEDED and each.is_paid
    }
    ours = {}
    for entry in entries:
        if entry.kind is EntryKind.PAYMENT and entry.gateway is Gateway.YOOKASSA:
            grants = {
                each.entry_id for each in entries if each.refers == entry.entry_id
            }
            returned = sum_refunds([each for each in entries if each.refers in grants])
            ours[entry.outside_id] = _sums(entry.purchase_id, entry.amount, returned)
    pairs = [
        Difference(each, ours.get(each), theirs.get(each))
        for each in sorted(ours | theirs)
    ]
    return [each for each in pairs if each.ledger != each.yookassa]


def _sums(order: str, paid: Amount, returned: int) -> PaymentSums:
    return PaymentSums(order, paid.decimal, replace(paid, minor=returned).decimal)
