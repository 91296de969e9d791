"""The worker of a payment gateway: polls silent payments, sends refunds, announces ends.

Any number of processes may run one: each task is claimed by a conditional change, so of two
workers one does it, and a killed worker's task becomes due again. Only a few calls run at a time,
and none of them blocks a person's request.

    refund.intended: it is claimed -> refund.sent: the gateway answered -> refund.recorded
    renewal.intended: it is claimed -> renewal.sent: Telegram answered -> renewal.recorded

A refund's id is its idempotency key, so a repeated call sends nothing twice. After YooKassa has
forgotten the key, its list shows whether the refund exists; Telegram returns the Stars of one
payment once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from merlin.app import orders, settlement
from merlin.app.context import Context
from merlin.app.plans import notify_expiry
from merlin.billing.ledger import Ledger
from merlin.billing.purchases import Purchase, Purchases
from merlin.billing.refunds import Refund, Refunds
from merlin.billing.subscriptions import Subscription, Subscriptions
from merlin.core.clock import is_recent, iso
from merlin.core.errors import PaymentError
from merlin.core.heartbeat import Failures
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.db.notices import Notices
from merlin.providers.payments import (
    Gateway,
    GatewayRefund,
    PaymentGateway,
    RefundRequest,
)

log = get_logger(__name__)

EVERY_S = 1.0
AFTER_FAILURE_S = 5.0
# How often the calendar is checked; its tasks are due to the day.
CALENDAR = timedelta(hours=1)
# YooKassa recognizes a repeated idempotency key for 24 h; an hour less, to be safe.
_KEY_LIFETIME = timedelta(hours=23)
# Fewer than the gateway's threads, so that people who pay find a free one.
AT_ONCE = 4
# Tells Telegram what is wanted of a subscription.
ChangeRenewal = Callable[[Subscription], Awaitable[None]]


async def process_purchase(ctx: Context, purchase: Purchase) -> None:
    """Do what an order waits for. Raises PaymentError if YooKassa has to be asked again later."""
    if purchase.order.gateway is Gateway.YOOKASSA and ctx.polled is not None:
        await _by_gateway(ctx, purchase)
    await ctx.write(settlement.expire, purchase)
    await ctx.store.do(partial(Purchases(ctx.db, ctx.clock).end_polling, purchase))


async def _by_gateway(ctx: Context, purchase: Purchase) -> None:
    if purchase.asked_at is None:
        return
    if purchase.state.is_unasked and purchase.may_be_paid(ctx.clock()):
        if await orders.claim_payment(ctx, purchase):
            await orders.create_payment(ctx, purchase.purchase_id)
        return
    try:
        await orders.sync_status(ctx, purchase)
    except PaymentError as error:
        await orders.note_failure(ctx, error, purchase=purchase.purchase_id)
        if orders.is_final(error):
            return
        await ctx.write(settlement.expire, purchase)
        raise


async def send_refund(ctx: Context, gateway: PaymentGateway, refund: Refund) -> None:
    """Send a claimed refund, or ask for its state. Raises PaymentError to try again."""
    kill_point("refund.intended")
    try:
        sent = await _send_refund(ctx, gateway, refund)
    except PaymentError as error:
        await orders.note_failure(ctx, error, refund=refund.refund_id)
        raise
    kill_point("refund.sent")
    if sent is not None and sent.is_done:
        await ctx.write(settlement.finish_refund, refund, sent)
    elif sent is not None and sent.is_done is False:
        await ctx.write(settlement.refuse_refund, refund, sent.reason)
    kill_point("refund.recorded")


async def send_renewal(
    ctx: Context, change: ChangeRenewal, subscription: Subscription
) -> None:
    """Tell Telegram what is wanted of a subscription. Raises PaymentError to try again."""
    kill_point("renewal.intended")
    try:
        await change(subscription)
    except PaymentError as error:
        await orders.note_failure(ctx, error, purchase=subscription.purchase_id)
        if not orders.is_final(error):
            raise
        await ctx.write(settlement.refuse_renewal, subscription, str(error))
        return
    kill_point("renewal.sent")
    await ctx.write(settlement.finish_renewal, subscription)
    kill_point("renewal.recorded")


async def _send_refund(
    ctx: Context, gateway: PaymentGateway, refund: Refund
) -> GatewayRefund | None:
    """Return the refund, sent now or before; None if it is finally refused."""
    is_old = ctx.clock() - refund.at > _KEY_LIFETIME
    known = await _find_sent_refund(ctx, gateway, refund) if is_old else None
    if known is not None:
        return known
    try:
        return await gateway.refund(await ctx.read(_request, refund))
    except PaymentError as error:
        if not orders.is_final(error):
            raise
        # A repeat with different values is refused, although the refund exists.
        known = await _find_sent_refund(ctx, gateway, refund)
        if known is None:
            await ctx.write(settlement.refuse_refund, refund, error.code or str(error))
        return known


def _request(ctx: Context, refund: Refund) -> RefundRequest:
    order = Purchases(ctx.db, ctx.clock).get(refund.purchase_id).order
    return RefundRequest(
        refund_id=refund.refund_id,
        payment_id=refund.payment_id,
        user_id=refund.user_id,
        amount=refund.amount,
        reason=refund.reason,
        title=order.promise.title_in("ru"),
        contact=order.contact,
        is_part=refund.amount != order.amount,
    )


async def _find_sent_refund(
    ctx: Context, gateway: PaymentGateway, refund: Refund
) -> GatewayRefund | None:
    """Return a refund of this payment and amount that is not in the ledger."""
    listed = await gateway.refunds(refund.payment_id)
    entries = Ledger(ctx.db, ctx.clock).entries
    known = {
        each.outside_id
        for each in await ctx.store.read(partial(entries, refund.purchase_id))
    }
    fresh = (
        each
        for each in listed
        if each.outside_id not in known and each.is_done is not False
    )
    return next((each for each in fresh if each.amount == refund.amount), None)


@dataclass
class PaymentWorker:
    """The worker of one process; `only`: it polls and expires the orders of this gateway alone.

    `change_renewal` is the bot's: nobody else can talk to Telegram.
    """

    ctx: Context
    only: Gateway | None = None
    change_renewal: ChangeRenewal | None = None
    every_s: float = EVERY_S
    after_failure_s: float = AFTER_FAILURE_S
    failures: Failures = field(default_factory=Failures)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _calendar_at: datetime | None = None

    def wake(self) -> None:
        """Start the next round now; returns at once."""
        self._woken.set()

    async def serve(self) -> None:
        """Run rounds until cancelled."""
        try:
            while True:
                pause_s = (
                    self.every_s if await self._run_safely() else self.after_failure_s
                )
                try:
                    # `wait_for` of Python 3.11 loses a cancellation that coincides with the event.
                    async with asyncio.timeout(pause_s):
                        await self._woken.wait()
                except TimeoutError:
                    continue
                finally:
                    self._woken.clear()
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def run_once(self) -> None:
        """Do everything that is due now, and wait for its end."""
        await self.run_round()
        while self._under_way:
            await asyncio.wait(self._under_way)
            await self.run_round()

    async def _run_safely(self) -> bool:
        try:
            await self.run_round()
            if failing := self.failures.bugs:
                notify = Notices(self.ctx.db, self.ctx.clock).notify_failing_steps
                await self.ctx.store.do(partial(notify, "api", failing))
        except Exception as error:  # noqa: BLE001 - it is logged
            self.failures.add("payments wait", error, "payments")
            return False
        self.failures.end("payments")
        return True

    async def run_round(self) -> None:
        """Start due tasks, up to the limit of concurrent ones."""
        now = self.ctx.clock()
        if self._calendar_at is None:
            await self.ctx.store.do(self._resume)
        if self._calendar_at is None or not is_recent(self._calendar_at, now, CALENDAR):
            self._calendar_at = now
            self._begin(self.ctx.write(notify_expiry, now), calendar=iso(now))
        free = AT_ONCE - len(self._under_way)
        if free <= 0 or not await self.ctx.store.read(lambda: self._is_due(now)):
            return
        refunds, purchases = await self.ctx.store.do(lambda: self._claim(now, free))
        for refund in refunds:
            if self.ctx.gateway is not None:
                sending = send_refund(self.ctx, self.ctx.gateway, refund)
                self._begin(sending, refund=refund.refund_id)
        for purchase in purchases:
            self._begin(
                process_purchase(self.ctx, purchase), purchase=purchase.purchase_id
            )
        if self.change_renewal is not None:
            await self._begin_renewals(self.change_renewal, now)

    async def _begin_renewals(self, change: ChangeRenewal, now: datetime) -> None:
        ctx = self.ctx
        free = AT_ONCE - len(self._under_way)
        claim_due = Subscriptions(ctx.db, ctx.clock).claim_due
        for subscription in await ctx.store.do(lambda: claim_due(now, free)):
            work = send_renewal(ctx, change, subscription)
            self._begin(work, renewal=subscription.purchase_id)

    def _resume(self) -> None:
        """Take up what a process that was killed had begun."""
        ctx = self.ctx
        if ctx.gateway is not None:
            Refunds(ctx.db).make_due(ctx.gateway.name, ctx.clock())
        if ctx.polled is not None:
            Purchases(ctx.db, ctx.clock).resume()
        if self.change_renewal is not None:
            Subscriptions(ctx.db, ctx.clock).make_due(ctx.clock())

    def _is_due(self, now: datetime) -> bool:
        ctx = self.ctx
        gateway = self.ctx.gateway
        is_refund_due = gateway is not None and Refunds(ctx.db, ctx.clock).is_due(
            gateway.name, now
        )
        is_renewal_due = self.change_renewal is not None and Subscriptions(
            ctx.db, ctx.clock
        ).is_due(now)
        is_purchase_due = Purchases(ctx.db, ctx.clock).is_due(now, self.only)
        return is_refund_due or is_renewal_due or is_purchase_due

    def _claim(self, now: datetime, free: int) -> tuple[list[Refund], list[Purchase]]:
        ctx = self.ctx
        gateway = self.ctx.gateway
        refunds = (
            Refunds(ctx.db, ctx.clock).claim_due(gateway.name, now, free)
            if gateway
            else []
        )
        left = free - len(refunds)
        purchases = Purchases(ctx.db, ctx.clock)
        return refunds, purchases.claim_due(now, left, self.only) if left else []

    def _begin(self, work: Coroutine[None, None, None], **about: str) -> None:
        task = asyncio.create_task(self._supervise(work, about))
        self._under_way.add(task)
        task.add_done_callback(self._end)

    async def _supervise(
        self, work: Coroutine[None, None, None], about: dict[str, str]
    ) -> None:
        """Run one task; a failed one becomes due again."""
        (step,) = about
        try:
            await work
        except PaymentError:
            pass  # The error was stored where it happened.
        except Exception as error:  # noqa: BLE001 - it is logged
            self.failures.add("a payment waits", error, step, **about)
        else:
            self.failures.end(step)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if len(self._under_way) == AT_ONCE - 1:  # other tasks waited for a free slot
            self.wake()
