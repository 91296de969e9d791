"""Rows of plans that renew themselves; fulfils `billing.renewal.Renewals`."""

from __future__ import annotations

from datetime import datetime

from merlin.billing.purchase import Till
from merlin.billing.renewal import (
    AGAIN_AFTER,
    MOST_TRIES,
    PAY_BEFORE,
    REMIND_BEFORE,
    Renewal,
    RenewalState,
)
from merlin.core.clock import from_iso, iso
from merlin.store.billing_tables import RENEWAL
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.sealed import opened
from merlin.store.values import plain

_IS_ON = RENEWAL.state == RenewalState.ON.value


class RenewalRows:
    """One row a person and plan; the method and where receipts go are sealed."""

    def __init__(self, db: Database, cipher: Cipher) -> None:
        self.db = db
        self._cipher = cipher

    @transaction
    def begin(self, renewal: Renewal) -> int:
        """Store a renewal and return its id; the one of the same person and plan is replaced."""
        row = {
            "till": renewal.till.value,
            "method": self._cipher.seal(renewal.method),
            "method_title": plain(renewal.method_title),
            "contact": self._cipher.seal(renewal.contact) if renewal.contact else "",
            "state": renewal.state.value,
            "consented_at": iso(renewal.consented_at),
            "next_at": iso(renewal.next_at),
            "tries": renewal.tries,
            "reminded_for": "",
        }
        mine = {"user_id": renewal.user_id, "plan": renewal.plan}
        new = RENEWAL.insert({**mine, **row})
        self.db.put(new.on_conflict(conflict_target=tuple(mine), update=row))
        this = (RENEWAL.user_id == renewal.user_id) & (RENEWAL.plan == renewal.plan)
        return int(self.db.value(RENEWAL.select(RENEWAL.id).where(this)))

    def of(self, user_id: int) -> list[Renewal]:
        """Return somebody's renewals, those that are on first."""
        rows = self.db.rows(RENEWAL.select().where(RENEWAL.user_id == user_id))
        found = sorted(map(self._renewal, rows), key=lambda each: each.renewal_id)
        return sorted(found, key=lambda each: each.state is not RenewalState.ON)

    @transaction
    def stop(self, renewal_id: int, user_id: int, state: RenewalState = RenewalState.OFF) -> bool:
        """End somebody's renewal; False for one that is not on, or not theirs.

        One in Stars is STOPPING until `stopped`: the bot has to tell Telegram.
        """
        this = (RENEWAL.id == renewal_id) & (RENEWAL.user_id == user_id) & _IS_ON
        by_bot = this & (RENEWAL.till == Till.STARS.value)
        if self.db.change(RENEWAL.update({"state": RenewalState.STOPPING.value}).where(by_bot)):
            self.db.bump()
            return True
        return self.db.change(RENEWAL.update({"state": state.value}).where(this)) > 0

    def stopping(self, limit: int = 20) -> list[Renewal]:
        """Return the renewals of which Telegram has to hear that they end."""
        is_asked = RENEWAL.state == RenewalState.STOPPING.value
        rows = self.db.rows(RENEWAL.select().where(is_asked).order_by(RENEWAL.id).limit(limit))
        return [self._renewal(row) for row in rows]

    @transaction
    def stopped(self, renewal_id: int) -> bool:
        """Note that Telegram has heard it; False where it was known."""
        this = (RENEWAL.id == renewal_id) & (RENEWAL.state == RenewalState.STOPPING.value)
        return self.db.change(RENEWAL.update({"state": RenewalState.OFF.value}).where(this)) > 0

    @transaction
    def due(self, now: datetime, limit: int = 20) -> list[Renewal]:
        """Return the renewals of saved methods to pay now; each is put off by AGAIN_AFTER."""
        is_due = _IS_ON & (RENEWAL.till == Till.YOOKASSA.value)
        is_due &= (RENEWAL.next_at <= iso(now + PAY_BEFORE)) & (RENEWAL.tries < MOST_TRIES)
        query = RENEWAL.select().where(is_due).order_by(RENEWAL.next_at, RENEWAL.id)
        rows = self.db.rows(query.limit(limit))
        return [self._renewal(row) for row in rows if self._is_mine(row, now)]

    def _is_mine(self, row: Row, now: datetime) -> bool:
        # After a long sleep too a day lies between two tries.
        next_at = max(from_iso(row["next_at"]), now + PAY_BEFORE) + AGAIN_AFTER
        this = (RENEWAL.id == row["id"]) & (RENEWAL.tries == row["tries"]) & _IS_ON
        told = {"tries": row["tries"] + 1, "next_at": iso(next_at)}
        return self.db.change(RENEWAL.update(told).where(this)) > 0

    @transaction
    def paid(self, renewal_id: int, next_at: datetime) -> None:
        """Note that it was paid, and when it is next."""
        told = {"next_at": iso(next_at), "tries": 0}
        self.db.change(RENEWAL.update(told).where(RENEWAL.id == renewal_id))

    @transaction
    def to_remind(self, now: datetime, limit: int = 20) -> list[Renewal]:
        """Return the renewals whose owners are to be told now; each once a payment."""
        is_near = _IS_ON & (RENEWAL.next_at <= iso(now + REMIND_BEFORE)) & (RENEWAL.tries == 0)
        is_near &= RENEWAL.next_at > iso(now)
        is_new = RENEWAL.reminded_for != RENEWAL.next_at
        rows = self.db.rows(
            RENEWAL.select().where(is_near & is_new).order_by(RENEWAL.id).limit(limit)
        )
        return [self._renewal(row) for row in rows if self._is_untold(row)]

    def _is_untold(self, row: Row) -> bool:
        """Note that somebody is reminded; False where another process did it."""
        is_before = RENEWAL.reminded_for == row["reminded_for"]
        told = {"reminded_for": row["next_at"]}
        query = RENEWAL.update(told).where((RENEWAL.id == row["id"]) & is_before)
        return self.db.change(query) > 0

    def _renewal(self, row: Row) -> Renewal:
        return Renewal(
            renewal_id=row["id"],
            user_id=row["user_id"],
            plan=row["plan"],
            till=Till(row["till"]),
            method=opened(self._cipher, row["method"]) or "",
            state=RenewalState(row["state"]),
            consented_at=from_iso(row["consented_at"]),
            next_at=from_iso(row["next_at"]),
            tries=row["tries"],
            method_title=row["method_title"],
            contact=(opened(self._cipher, row["contact"]) or "") if row["contact"] else "",
        )
