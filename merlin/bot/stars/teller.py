"""Teller: sends Stars back where that is wished, and tells Telegram which subscriptions end.

    refund.intended: it is claimed -> refund.sent: Telegram answered -> refund.recorded

Telegram sends the Stars of one payment back once, so asking again sends nothing twice.
"""

from __future__ import annotations

from functools import partial

from merlin.billing.ledger import Returned
from merlin.billing.purchase import Till
from merlin.billing.refund import Refund
from merlin.billing.renewal import Renewal
from merlin.bot.services import BotServices
from merlin.bot.stars.sending import Said, StarsDesk
from merlin.bot.stars.taking import sent_back
from merlin.core.clock import StepWatch
from merlin.core.killpoint import reached
from merlin.core.log import get_logger
from merlin.core.notice import ADMINS

log = get_logger(__name__)

EVERY_S = 30.0


class Teller:
    """One round carries out what waits."""

    def __init__(self, services: BotServices, desk: StarsDesk) -> None:
        self._services = services
        self._rows = services.rows
        self._desk = desk
        self._steps = StepWatch(services.clock)

    async def round(self) -> None:
        """Send every refund that is due, and end every renewal that was stopped."""
        if self._steps.step_back_s():
            # What waits for a time of day would wait as long as the step.
            refunds, now = self._rows.books.refunds, self._services.clock()
            await self._services.store.do(partial(refunds.look_at_all, Till.STARS, now))
        for refund in await self._due():
            await self._send(refund)
        stopping = self._rows.books.renewals.stopping
        for renewal in await self._services.store.read(stopping):
            await self._stop(renewal)

    async def _due(self) -> list[Refund]:
        refunds, now = self._rows.books.refunds, self._services.clock()
        if not await self._services.store.read(partial(refunds.is_due, Till.STARS, now)):
            return []
        return await self._services.store.do(partial(refunds.due, Till.STARS, now))

    async def _send(self, refund: Refund) -> None:
        reached("refund.intended")
        said, words = await self._desk.refund(refund.user_id, refund.payment_id)
        reached("refund.sent")
        if said is Said.DOUBT:
            return  # It comes due again by itself.
        if said is Said.DONE:
            await self._services.store.do(partial(self._record, refund))
        else:
            await self._services.store.do(partial(self._refused, refund, words))
        reached("refund.recorded")

    def _record(self, refund: Refund) -> None:
        charge, at = refund.payment_id, self._services.clock()
        sent_back(self._rows, refund, Returned(charge, charge, refund.amount, at))

    def _refused(self, refund: Refund, words: str) -> None:
        if self._rows.books.refunds.refused(refund.refund_id, words):
            log.error("telegram sends stars not back", refund=refund.refund_id, reason=words)
            amount = f"{refund.amount.decimal} {refund.amount.currency.value}"
            told = {"purchase": refund.purchase_id, "amount": amount, "reason": words}
            once = f"refund-refused:{refund.refund_id}"
            self._rows.notices.tell(ADMINS, "notice-stars-refused", told, once)

    async def _stop(self, renewal: Renewal) -> None:
        said = await self._desk.stop(renewal)
        if said is Said.DOUBT:
            return
        if said is Said.REFUSED:
            # Telegram knows of no such subscription, so it takes nothing for it.
            log.warning("telegram knows no such subscription", renewal=renewal.renewal_id)
        stopped = self._rows.books.renewals.stopped
        await self._services.store.do(partial(stopped, renewal.renewal_id))
