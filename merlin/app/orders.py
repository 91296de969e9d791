"""Orders: place, pay, poll and cancel one.

Only the state of a payment that is read from YooKassa with our own credentials changes an order;
a notification only triggers that read.

A payment is requested from YooKassa once per order, however many callers request it.

    pay.intended: the intent is committed -> pay.sent: YooKassa answered -> pay.recorded

Of two concurrent callers one sends the request and the other waits for its result. When the result
of a call is unknown, the order is left unchanged and the call retried: the same idempotency key
yields the same payment, and an order ends before YooKassa drops the key. Nobody knows the page of a
payment whose answer was lost, so such a payment can't be paid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from merlin.app import settlement
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.settlement import PaymentOutcome, find_mismatch
from merlin.app.shop import gives_something
from merlin.billing.ledger import EntryKind, Ledger, LedgerEntry, remaining_amount
from merlin.billing.purchases import Purchase, Purchases, PurchaseState, next_poll_delay
from merlin.billing.refunds import UNDER_WAY, Refund, Refunds
from merlin.billing.subscriptions import Subscription, Subscriptions
from merlin.billing.terms import PlanTerm, Terms
from merlin.core.errors import (
    GatewayUnavailable,
    NotFound,
    PaymentError,
    PaymentUnknown,
    Refused,
)
from merlin.core.i18n import text
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger, redact
from merlin.core.money import Amount
from merlin.db.driver_errors import DatabaseAway
from merlin.db.notices import Notices
from merlin.providers.base import ENDLESS_LIST
from merlin.providers.payments import (
    Gateway,
    GatewayPayment,
    GatewayRefund,
    PaymentRequest,
)

if TYPE_CHECKING:
    from merlin.providers.yookassa import YooKassaGateway

log = get_logger(__name__)

MAX_DESCRIPTION_LENGTH = 128
# Our own reason code for an order that its buyer canceled; YooKassa has none.
CANCELED_BY_BUYER = "given_up"
# How long a caller waits for the request of another.
WAIT_S = 9.5
# Longer than any call takes: a claim older than this was left by a killed process.
CLAIM_TTL = timedelta(seconds=15)
_RETRY_S = 0.05
# A process that lives has recorded its refund so long after the notification.
_RECORDING = timedelta(seconds=2)
_MISMATCH = "mismatch"
# YooKassa's error codes for credentials that are invalid or lack the permission.
_BAD_CREDENTIALS = frozenset({"invalid_credentials", "forbidden"})
# The notices of errors that a person has to settle.
_TOLD = {
    **dict.fromkeys(_BAD_CREDENTIALS, "notice-gateway-key"),
    ENDLESS_LIST: "notice-gateway-list",
}


@dataclass(frozen=True, slots=True)
class OrderDetails:
    """An order with its ledger entries and refunds; `terms` are those of its buyer.

    `subscription` is None for an order that does not renew.
    """

    purchase: Purchase
    entries: Sequence[LedgerEntry]
    refunds: Sequence[Refund]
    terms: Sequence[PlanTerm] = ()
    subscription: Subscription | None = None

    @property
    def grants(self) -> list[LedgerEntry]:
        """Return what was granted, oldest first."""
        return [entry for entry in self.entries if entry.kind is EntryKind.GRANT]

    @property
    def returned(self) -> list[LedgerEntry]:
        """Return the entries of refunded money."""
        return [entry for entry in self.entries if entry.kind is EntryKind.REFUND]

    @property
    def returning(self) -> list[Refund]:
        """Return the pending refunds."""
        return [refund for refund in self.refunds if refund.state in UNDER_WAY]

    @property
    def remaining_amounts(self) -> dict[int, Amount]:
        """Return the amount of each grant that is not refunded, by entry id."""
        return {
            grant.entry_id: remaining_amount(grant, self.entries)
            for grant in self.grants
        }

    @property
    def refundable(self) -> dict[int, Amount]:
        """Return the amount of each grant that can be refunded now, by entry id."""
        pending = {refund.grant_id for refund in self.returning}
        return {
            entry_id: amount
            for entry_id, amount in self.remaining_amounts.items()
            if amount.minor > 0 and entry_id not in pending
        }


def list_orders(
    ctx: Context, actor: Actor, limit: int, before: str = ""
) -> list[Purchase]:
    """Return the actor's orders, newest first: those after `before`.

    Raises NotFound for an unknown `before`.
    """
    purchases = Purchases(ctx.db, ctx.clock)
    return purchases.list_of_user(actor.user_id, limit, before) if actor.user_id else []


def show_order(ctx: Context, actor: Actor, purchase_id: str) -> Purchase:
    """Return one of the actor's orders. Raises NotFound, for another's as for none."""
    purchase = Purchases(ctx.db, ctx.clock).get(purchase_id)
    if not actor.user_id or purchase.user_id != actor.user_id:
        raise NotFound("another's order", "billing-no-purchase")
    return purchase


def show_order_details(ctx: Context, actor: Actor, purchase_id: str) -> OrderDetails:
    """Return one of the actor's orders with its entries and refunds. Raises NotFound."""
    return details_of(ctx, show_order(ctx, actor, purchase_id))


def details_of(ctx: Context, purchase: Purchase) -> OrderDetails:
    """Return an order with its entries and refunds."""
    return OrderDetails(
        purchase=purchase,
        entries=Ledger(ctx.db, ctx.clock).entries(purchase.purchase_id),
        refunds=Refunds(ctx.db, ctx.clock).list_of_purchase(purchase.purchase_id),
        terms=Terms(ctx.db, ctx.clock).list_of_user(purchase.user_id),
        subscription=Subscriptions(ctx.db, ctx.clock).find(purchase.purchase_id),
    )


def cancel_order(ctx: Context, actor: Actor, purchase_id: str) -> bool:
    """Cancel an open order for its buyer; return False if it is not open. Raises NotFound.

    An order whose payment was requested is still polled for a while, because it may yet be paid.
    """
    show_order(ctx, actor, purchase_id)
    purchase = Ledger(ctx.db, ctx.clock).lock_purchase(purchase_id)
    purchases = Purchases(ctx.db, ctx.clock)
    if not purchase.state.is_open:
        return False
    purchases.end_unpaid(
        purchase.purchase_id, PurchaseState.CANCELED, CANCELED_BY_BUYER
    )
    if purchase.asked_at is not None:
        purchases.poll_at(purchase.purchase_id, ctx.clock() + next_poll_delay(0))
    return True


async def pay_order(ctx: Context, actor: Actor, purchase_id: str) -> Purchase:
    """Return an order with its payment page (`pay_url`), requesting the payment if needed.

    A paid order is returned unchanged. Takes at most 10 s. Raises NotFound, Refused for a closed
    order, PaymentError if YooKassa refuses, GatewayUnavailable and PaymentUnknown if it does not
    answer: the order then stays open, and the call can be repeated.
    """
    await ctx.read(show_order, actor, purchase_id)
    polled_gateway(ctx)
    clock = asyncio.get_running_loop().time
    deadline = clock() + WAIT_S
    while not _has_payment(ctx, purchase := await _read_purchase(ctx, purchase_id)):
        if await claim_payment(ctx, purchase):
            return await create_payment(ctx, purchase_id)
        if clock() > deadline:
            raise PaymentUnknown("somebody else asks still")
        await asyncio.sleep(_RETRY_S)
    return purchase


async def poll_order(
    ctx: Context, actor: Actor, purchase_id: str, wait_s: float
) -> Purchase:
    """Read the payment from YooKassa now and return the updated order.

    Raises NotFound, and TimeoutError after `wait_s`. If YooKassa answers with an error, or nothing
    can be stored, the order is returned unchanged.
    """
    purchase = await ctx.read(show_order, actor, purchase_id)
    # A settled order is not polled: its payment does not change any more.
    if (
        purchase.outside_id
        and purchase.next_poll_at is not None
        and ctx.polled is not None
    ):
        try:
            async with asyncio.timeout(wait_s):
                await sync_status(ctx, purchase)
        except (PaymentError, DatabaseAway) as error:
            log.warning("a payment could not be read", reason=redact(str(error)))
    return await _read_purchase(ctx, purchase_id)


async def mark_order_due(
    ctx: Context, event: str, payment_id: str, purchase_id: str
) -> bool:
    """Make an order due for polling, found by its payment or else by its own id.

    Return False, and write nothing, if there is no order to poll.
    """
    purchases = Purchases(ctx.db, ctx.clock)
    purchase = await ctx.store.read(
        lambda: purchases.find_by_payment(payment_id, purchase_id)
    )
    # Of a paid order only a cancellation is news, and what was refunded.
    is_known = event.startswith("payment.") and event != "payment.canceled"
    if purchase is None or not purchase.outside_id:
        return False
    if is_known and purchase.state.is_paid:
        return False
    return await ctx.store.do(lambda: _make_due(ctx, purchase.purchase_id))


def _make_due(ctx: Context, purchase_id: str) -> bool:
    now = ctx.clock()
    # The process that was sending a refund may have been killed before it knew of it.
    Refunds(ctx.db).make_due(Gateway.YOOKASSA, now + _RECORDING, purchase_id)
    return Purchases(ctx.db, ctx.clock).poll_at(purchase_id, now)


def polled_gateway(ctx: Context) -> YooKassaGateway:
    """Return the shop at YooKassa. Raises Refused if there is none."""
    if ctx.polled is None:
        raise Refused("no shop", "pay-no-shop")
    return ctx.polled


def payment_request(ctx: Context, purchase: Purchase) -> PaymentRequest:
    """Return the payment request.

    It is deterministic: YooKassa requires equal requests under one idempotency key.
    """
    order = purchase.order
    title = order.promise.title_in(ctx.config.language)
    address = f"{ctx.config.api.public_url.rstrip('/')}/orders/{purchase.purchase_id}"
    return PaymentRequest(
        purchase_id=purchase.purchase_id,
        user_id=purchase.user_id,
        amount=order.amount,
        title=title,
        description=text(ctx.config.language, "pay-description", title=title)[
            :MAX_DESCRIPTION_LENGTH
        ],
        contact=order.contact,
        return_url=address,
    )


def _has_payment(ctx: Context, purchase: Purchase) -> bool:
    """Return whether no payment request is needed. Raises Refused for a closed order."""
    if purchase.order.gateway is not Gateway.YOOKASSA:
        raise Refused("paid in Stars", "pay-in-stars")
    if purchase.state.is_paid:
        return True
    if not (purchase.may_be_paid(ctx.clock()) and gives_something(ctx, purchase.order)):
        raise Refused("the order is over", "pay-order-closed")
    return purchase.state is PurchaseState.PENDING


async def claim_payment(ctx: Context, purchase: Purchase) -> bool:
    """Return whether this process claimed the call; a claim excludes others for `CLAIM_TTL`."""
    now = ctx.clock()
    claim_call = Purchases(ctx.db, ctx.clock).claim_call
    if purchase.asked_at is not None and abs(now - purchase.asked_at) < CLAIM_TTL:
        return False
    return await ctx.store.do(lambda: claim_call(purchase.purchase_id, now, CLAIM_TTL))


async def create_payment(ctx: Context, purchase_id: str) -> Purchase:
    """Request a claimed payment from YooKassa and return the updated order.

    Raises PaymentError.
    """
    kill_point("pay.intended")
    purchase = await _read_purchase(ctx, purchase_id)
    try:
        payment = await polled_gateway(ctx).create(payment_request(ctx, purchase))
    except PaymentError as error:
        await note_failure(ctx, error, purchase=purchase_id)
        await ctx.write(_record_failure, purchase, error)
        raise
    kill_point("pay.sent")
    try:
        outcome = await _apply(ctx, purchase, payment)
    except PaymentError as error:  # The payment exists; the next poll does the rest.
        await note_failure(ctx, error, purchase=purchase_id)
        outcome = PaymentOutcome.NOTHING
    if outcome is PaymentOutcome.WRONG:
        refusal = PaymentError("the payment is not the order's", code=_MISMATCH)
        await ctx.write(_record_failure, purchase, refusal)
        raise refusal
    kill_point("pay.recorded")
    return await _read_purchase(ctx, purchase_id)


def _record_failure(ctx: Context, purchase: Purchase, error: PaymentError) -> None:
    """Cancel an order on a final error; after any other error allow an immediate retry."""
    purchases = Purchases(ctx.db, ctx.clock)
    purchase_id = purchase.purchase_id
    if is_final(error):
        reason = error.code or "refused"
        # Not an order for which a concurrent request already got a payment page.
        locked = Ledger(ctx.db, ctx.clock).lock_purchase(purchase_id)
        if locked.state is PurchaseState.ASKING:
            purchases.end_unpaid(
                purchase_id, PurchaseState.CANCELED, reason, is_closed=True
            )
        return
    # Backdate the claim so that it is expired.
    purchases.claim_call(purchase_id, ctx.clock() - CLAIM_TTL, -CLAIM_TTL)


async def sync_status(ctx: Context, purchase: Purchase) -> None:
    """Read the payment of an order, if one is known, and apply it. Raises PaymentError."""
    if purchase.outside_id:
        await _apply(ctx, purchase, await polled_gateway(ctx).find(purchase.outside_id))


async def _apply(
    ctx: Context, purchase: Purchase, payment: GatewayPayment
) -> PaymentOutcome:
    """Apply the state of a payment to its order."""
    outcome = await ctx.write(_store_payment, purchase.purchase_id, payment)
    if outcome in {PaymentOutcome.PAID, PaymentOutcome.RETURNED}:
        kill_point("payment.after")
    if outcome is PaymentOutcome.RETURNED:
        # Refunds that were made at YooKassa directly.
        refunds = await polled_gateway(ctx).refunds(payment.outside_id)
        await ctx.write(store_refunds, purchase.purchase_id, refunds)
    return outcome


def _store_payment(
    ctx: Context, purchase_id: str, payment: GatewayPayment
) -> PaymentOutcome:
    purchases = Purchases(ctx.db, ctx.clock)
    purchase = Ledger(ctx.db, ctx.clock).lock_purchase(purchase_id)
    if not (purchase.outside_id or find_mismatch(purchase, payment)):
        next_poll_at = ctx.clock() + next_poll_delay(0)
        purchases.mark_pending(
            purchase_id, payment.outside_id, payment.pay_url, next_poll_at
        )
    return settlement.apply_payment(ctx, purchase, payment)


def store_refunds(
    ctx: Context, purchase_id: str, gateway_refunds: Sequence[GatewayRefund]
) -> None:
    """Store the refunds that YooKassa lists for an order.

    Deferred while a refund of ours is pending: its row holds who requested it and why.
    """
    Ledger(ctx.db, ctx.clock).lock_purchase(purchase_id)
    refunds = Refunds(ctx.db, ctx.clock).list_of_purchase(purchase_id)
    if any(refund.state in UNDER_WAY for refund in refunds):
        Purchases(ctx.db, ctx.clock).poll_at(
            purchase_id, ctx.clock() + next_poll_delay(0)
        )
        return
    for refund in gateway_refunds:
        if refund.is_done:
            settlement.apply_refund(ctx, Gateway.YOOKASSA, refund)


def is_final(error: PaymentError) -> bool:
    """Return whether a retry is pointless because the request itself is wrong."""
    return (
        not isinstance(error, GatewayUnavailable) and error.code not in _BAD_CREDENTIALS
    )


async def note_failure(ctx: Context, error: PaymentError, **about: object) -> None:
    """Log a failed call; notify admins if a retry alone does not help."""
    log.warning(
        "a payment gateway failed", code=error.code, reason=redact(str(error)), **about
    )
    if error.code not in _TOLD:
        return
    notify = Notices(ctx.db, ctx.clock).notify_hourly
    await ctx.store.do(lambda: notify(_TOLD[error.code], {"reason": error.code}))


async def _read_purchase(ctx: Context, purchase_id: str) -> Purchase:
    return await ctx.store.read(lambda: Purchases(ctx.db, ctx.clock).get(purchase_id))
