"""Stars that must go back, and each night Telegram's list held against the ledger.

What the ledger lacks is stored as if Telegram had just told it; what cannot be explained is told
to the admins, once. Also at the start: a bot that was away for a day has lost updates.

    refund.intended: it is claimed -> refund.sent: Telegram answered -> refund.recorded

Telegram sends the Stars of one payment back once, so asking again sends nothing twice. It is told
here too which subscriptions end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import Any

from merlin.billing.ledger import EntryKind, Returned
from merlin.billing.plan import on_sale
from merlin.billing.purchases import Till
from merlin.billing.refunds import Refund
from merlin.billing.subscriptions import Renewal
from merlin.bot.loops import pause
from merlin.bot.services import BotServices
from merlin.bot.star_payments import (
    MOST_MOVED,
    Said,
    StarsGateway,
    Taken,
    moved,
    sent_back,
    take,
    take_back,
)
from merlin.core.clock import StepWatch, from_iso, in_zone, iso, zone_of
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger
from merlin.db.notices import ADMINS

log = get_logger(__name__)

SETTING = "stars.reconciled"
BY = "bot"
NIGHT_HOUR = 4
LOOK_S = 60.0
EVERY = timedelta(days=1)
# What Telegram may not have listed yet, and how far clocks may lie apart.
FRESH = timedelta(minutes=15)
_MOST_KEPT = 50


@dataclass(frozen=True, slots=True)
class Difference:
    """What differed: `kind` is paid or returned (stored now), odd, or missing at Telegram."""

    kind: str
    charge: str


@dataclass(frozen=True, slots=True)
class StarComparison:
    """What the last comparison came to: when, how many movements there were, what differed."""

    at: datetime | None = None
    seen: int = 0
    differences: Sequence[Difference] = field(default_factory=tuple)


def read_compared(said: str) -> StarComparison:
    """Return what was kept of the last comparison; nothing where that cannot be read."""
    try:
        kept = json.loads(said)
        found = [Difference(str(each["kind"]), str(each["charge"])) for each in kept["differences"]]
        return StarComparison(from_iso(kept["at"]), int(kept["seen"]), tuple(found))
    except (ValueError, KeyError, TypeError):
        return StarComparison()


def is_due(last: datetime | None, now: datetime, zone: tzinfo) -> bool:
    """Return whether it is night again since the last comparison, None for none yet."""
    here = now.astimezone(zone)
    # Also on a day before the last one: then the clock was set back since.
    is_another_day = last is None or in_zone(last, zone).date() != here.date()
    return is_another_day and here.hour >= NIGHT_HOUR


class StarReconciliation:
    """Compares at the start, and every night after it."""

    def __init__(self, services: BotServices, desk: StarsGateway) -> None:
        self._services = services
        self._rows = services.rows
        self._desk = desk

    async def run(self) -> None:
        """Compare now and then, until cancelled; a bot that sells for no Stars has nothing to."""
        if not await self._services.store.read(self._is_of_use):
            # What is sold is said by the config: it changes with the next start.
            await asyncio.Event().wait()
        attempt = 0
        while not await self.compare():
            await pause(attempt, self._services.pace.longest_pause_s)
            attempt += 1
        while True:
            await asyncio.sleep(LOOK_S)
            if await self._services.store.read(self._is_due):
                await self.compare()

    def _is_of_use(self) -> bool:
        is_sold = any(each.offer.xtr is not None for each in on_sale(self._services.plans))
        return is_sold or bool(self._rows.settings.get(SETTING))

    def _is_due(self) -> bool:
        last = read_compared(self._rows.settings.get(SETTING)).at
        return is_due(last, self._services.clock(), zone_of(self._services.timezone))

    async def compare(self) -> bool:
        """Compare once; False where Telegram did not answer to the end."""
        store, began = self._services.store, self._services.clock()
        last = read_compared(await store.read(lambda: self._rows.settings.get(SETTING)))
        # The last page is read again: at its end something may have been under way.
        offset, found, charges = max(last.seen - MOST_MOVED, 0), [], set()
        while True:
            page = await self._desk.moved(offset)
            if page is None:
                return False
            found += await store.do(partial(self._settle, page))
            charges |= {str(each.get("id")) for each in page}
            offset += len(page)
            if len(page) < MOST_MOVED:
                break
        since = last.at if last.at is None else min(last.at, began - EVERY)
        found += await store.read(lambda: self._missing(since, began, charges))
        await store.do(partial(self._keep, StarComparison(began, offset, found)))
        log.info("stars were compared", seen=offset, differences=len(found))
        return True

    def _settle(self, page: Sequence[Mapping[str, Any]]) -> list[Difference]:
        """Store what the ledger lacks; return what differed."""
        found: list[Difference] = []
        for each in page:
            paid, back = moved(each, "source"), moved(each, "receiver")
            if paid is not None and (taken := take(self._rows, paid)) is not Taken.KNOWN:
                found.append(Difference("paid" if taken is Taken.NEW else "odd", paid.charge))
            if back is not None and (taken := take_back(self._rows, back)) is not Taken.KNOWN:
                found.append(Difference("returned" if taken is Taken.NEW else "odd", back.charge))
        return found

    def _missing(
        self, since: datetime | None, began: datetime, charges: set[str]
    ) -> list[Difference]:
        """Return the payments of the ledger since the last time that Telegram does not list."""
        if since is None:
            return []
        entries = self._rows.books.ledger.between(since - FRESH, began - FRESH)
        return [
            Difference("missing", entry.outside_id)
            for entry, _ in entries
            if entry.till is Till.STARS
            and entry.kind is EntryKind.PAYMENT
            and entry.outside_id not in charges
        ]

    def _keep(self, compared: StarComparison) -> None:
        told = {
            "at": iso(compared.at or self._services.clock()),
            "seen": compared.seen,
            "differences": [asdict(each) for each in compared.differences[:_MOST_KEPT]],
        }
        self._rows.settings.put(SETTING, json.dumps(told), BY)
        missing = [each.charge for each in compared.differences if each.kind == "missing"]
        for charge in missing:
            said = {"charge": charge}
            self._rows.notices.tell(ADMINS, "notice-stars-missing", said, f"missing:{charge}")


STARS_EVERY_S = 30.0


class StarsWorker:
    """One round carries out what waits."""

    def __init__(self, services: BotServices, desk: StarsGateway) -> None:
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
        kill_point("refund.intended")
        said, words = await self._desk.refund(refund.user_id, refund.payment_id)
        kill_point("refund.sent")
        if said is Said.DOUBT:
            return  # It comes due again by itself.
        if said is Said.DONE:
            await self._services.store.do(partial(self._record, refund))
        else:
            await self._services.store.do(partial(self._refused, refund, words))
        kill_point("refund.recorded")

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
