"""The worker beside the server: looks at payments that are silent, sends refunds, renews plans.

Any number of api processes have one: whatever is to be done is claimed by a conditional change,
so of two that see it one does it, and what a killed one had claimed comes again by itself. No more
than a few calls are under way at a time, and none of them waits in the way of a person.

All of it waits for times of day: when the clock is set back, all of it is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from merlin.api.payments.gateway import is_final, is_ours, note
from merlin.api.payments.orders import create_payment, end, is_mine, sync_status
from merlin.api.payments.reconciliation import EVERY, reconcile
from merlin.api.payments.refunds import send_refund
from merlin.api.payments.renewals import notify_expiry, notify_renewals, order_due, renewal_of
from merlin.api.services import ApiServices
from merlin.billing.purchases import Purchase, PurchaseState, Till
from merlin.billing.refunds import Refund
from merlin.billing.subscriptions import RenewalState
from merlin.core.clock import StepWatch, iso, utc_now
from merlin.core.errors import MerlinError, PaymentError
from merlin.core.heartbeat import BugCount
from merlin.core.log import get_logger, redact
from merlin.db.notices import notify_failing_steps

_UNASKED = (PurchaseState.CREATED, PurchaseState.ASKING)


async def process_purchase(services: ApiServices, purchase: Purchase) -> None:
    """Do what an order waits for. Raises TillError where YooKassa is to be asked again later."""
    if is_ours(purchase) and services.payments is not None:
        await _by_till(services, purchase)
    await services.store.do(lambda: end(services, purchase.purchase_id))


async def _by_till(services: ApiServices, purchase: Purchase) -> None:
    is_renewing = purchase.order.renewal_id is not None
    method_id = await services.store.read(lambda: _method(services, purchase))
    may_ask = purchase.state in _UNASKED and purchase.may_be_paid(services.clock())
    was_asked = purchase.asked_at is not None
    if may_ask and (method_id if is_renewing else was_asked):
        if await is_mine(services, purchase):
            await create_payment(services, purchase.purchase_id, method_id)
    elif was_asked:
        await _looked(services, purchase)
    elif is_renewing:
        # Its owner said no before anybody was asked.
        give_up = services.rows.books.purchases.give_up
        await services.store.do(lambda: give_up(purchase.purchase_id, PurchaseState.CANCELED))


async def _looked(services: ApiServices, purchase: Purchase) -> None:
    try:
        await sync_status(services, purchase)
    except PaymentError as error:
        await note(services, error, purchase=purchase.purchase_id)
        if not is_final(error):
            raise


def _method(services: ApiServices, purchase: Purchase) -> str:
    """Return the saved method that pays an order, "" where a person pays it, or said no."""
    renewal = renewal_of(services.rows.books, purchase)
    return renewal.method if renewal and renewal.state is RenewalState.ON else ""


log = get_logger(__name__)

EVERY_S = 1.0
AFTER_FAILURE_S = 5.0
# What a calendar says is looked up this often; a day more or less means nothing there.
CALENDAR = timedelta(minutes=1)
FIRST_CHECK = timedelta(hours=1)
# Fewer than the gateway has threads: people who pay find one free.
AT_ONCE = 4


@dataclass
class PaymentWorker:
    """The loop of one process."""

    services: ApiServices
    every_s: float = EVERY_S
    after_failure_s: float = AFTER_FAILURE_S
    _rung: asyncio.Event = field(default_factory=asyncio.Event)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _bugs: BugCount = field(default_factory=BugCount)
    _calendar_at: datetime | None = None
    _check_at: datetime = field(init=False)
    _steps: StepWatch = field(init=False)
    _was_set_back: bool = False

    def __post_init__(self) -> None:
        """Leave the first check until the api has run for a while."""
        self._check_at = utc_now() + FIRST_CHECK
        self._steps = StepWatch(self._now)

    def _now(self) -> datetime:
        return self.services.clock()

    def ring(self) -> None:
        """Let the next round be now; returns at once."""
        self._rung.set()

    async def serve(self) -> None:
        """Go round until cancelled."""
        try:
            while True:
                pause_s = self.every_s if await self._survived() else self.after_failure_s
                try:
                    await asyncio.wait_for(self._rung.wait(), pause_s)
                except TimeoutError:
                    continue
                finally:
                    self._rung.clear()
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _survived(self) -> bool:
        try:
            await self.round()
            await self._tell_failing()
        except MerlinError as error:
            log.warning("payments wait", reason=redact(str(error)))
        except Exception as bug:
            log.exception("payments wait")
            self._bugs.failed("payments", bug)
        else:
            self._bugs.succeeded("payments")
            return True
        return False

    async def _tell_failing(self) -> None:
        failing = self._bugs.failing
        if failing:
            notices, day = self.services.rows.notices, self.services.clock().date()
            await self.services.store.do(lambda: notify_failing_steps(notices, "api", failing, day))

    async def round(self) -> None:
        """Begin what is due, as far as there is room."""
        now = self.services.clock()
        await self._mind_the_clock(now)
        before = self._calendar_at
        if before is None or now - before >= CALENDAR:
            self._calendar_at = now
            self._begin(self._turned(now, before), calendar=iso(now))
        if self.services.payments is not None and now >= self._check_at:
            self._check_at = now + EVERY
            self._begin(self._checked(now), check=iso(now))
        free = AT_ONCE - len(self._under_way)
        if free <= 0 or not await self.services.store.read(lambda: self._is_due(now)):
            return
        refunds, purchases = await self.services.store.do(lambda: self._claimed(now, free))
        for refund in refunds:
            self._begin(send_refund(self.services, refund), refund=refund.refund_id)
        for purchase in purchases:
            self._begin(process_purchase(self.services, purchase), purchase=purchase.purchase_id)

    async def _mind_the_clock(self, now: datetime) -> None:
        """Let everything be due where the clock was set back; all comes twice without harm."""
        if step_s := self._steps.step_back_s():
            log.warning("the clock was set back", seconds=round(step_s, 1))
            self._was_set_back = True
        if not self._was_set_back:
            return
        books = self.services.rows.books

        def hurry() -> None:
            books.asking.look_at_all(now)
            books.refunds.look_at_all(Till.YOOKASSA, now)

        await self.services.store.do(hurry)
        self._calendar_at, self._check_at, self._was_set_back = None, now, False

    async def _turned(self, now: datetime, before: datetime | None) -> None:
        await self.services.store.do(lambda: turn_pages(self.services, now, before))

    async def _checked(self, now: datetime) -> None:
        try:
            await reconcile(self.services, now)
        except PaymentError as error:
            await note(self.services, error)

    @property
    def _has_shop(self) -> bool:
        return self.services.returns is not None

    def _is_due(self, now: datetime) -> bool:
        books = self.services.rows.books
        is_refund_due = self._has_shop and books.refunds.is_due(Till.YOOKASSA, now)
        return is_refund_due or books.asking.is_due(now)

    def _claimed(self, now: datetime, free: int) -> tuple[list[Refund], list[Purchase]]:
        books = self.services.rows.books
        refunds = books.refunds.due(Till.YOOKASSA, now, free) if self._has_shop else []
        left = free - len(refunds)
        return refunds, books.asking.due(now, left) if left else []

    def _begin(self, work: Coroutine[None, None, None], **about: str) -> None:
        task = asyncio.create_task(self._surely(work, about))
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    async def _surely(self, work: Coroutine[None, None, None], about: dict[str, str]) -> None:
        """Do one piece of work; what fails comes again by itself."""
        (step,) = about
        try:
            await work
        except PaymentError:
            pass  # It was noted where it happened.
        except MerlinError as error:
            log.warning("a payment waits", reason=redact(str(error)), **about)
        except Exception as bug:
            log.exception("a payment waits", **about)
            self._bugs.failed(step, bug)
        else:
            self._bugs.succeeded(step)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if len(self._under_way) == AT_ONCE - 1:  # others waited for room
            self.ring()


def turn_pages(services: ApiServices, now: datetime, before: datetime | None = None) -> None:
    """Do what the calendar says: remind, order what is renewed, tell what ends.

    `before` is when this was done last, None for never.
    """
    notify_renewals(services, now)
    if services.payments is not None:
        order_due(services, now)
    notify_expiry(services, now, before)


def is_wanted(services: ApiServices) -> bool:
    """Return whether there is anything that somebody must look after."""
    return services.payments is not None or bool(services.plans)
