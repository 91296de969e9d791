"""Rows of what people used of their plan, and of gifts.

Rows of gifts: questions beyond a plan's; `QuotaRows` gives them out and uses them up.

One row a question, by bot and update. What was used is counted from these rows each time; who
reserves holds the person's row until the transaction ends, so nobody counts beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from peewee import JOIN, Select, fn

from merlin.billing.plan import UNLIMITED, Format, Plan
from merlin.billing.quota import (
    MOST,
    Gift,
    Given,
    Left,
    Reserved,
    Spent,
    Today,
    Used,
    UseState,
    has_room,
    left_of,
    today,
)
from merlin.billing.tombstones import LeavingRows
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.errors import Refused
from merlin.db.audit import Audit
from merlin.db.audit import person_reference as told_user
from merlin.db.database import Database, Row, lock_user, transaction
from merlin.db.encryption import Cipher
from merlin.db.tables import QUOTA_GIFT, QUOTA_USE
from merlin.db.values import dump_time, load_time, storable_text


class GiftRows:
    """One row a gift; how much of one is used is counted from the uses."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock
        self._audit = Audit(db, clock)

    @transaction
    def give(self, gift: Gift) -> int:
        """Store a gift, note it in the audit, return its id; the one of the same key stays.

        Raises Refused when the amount is not 1 to MOST.
        """
        if not 1 <= gift.amount <= MOST:
            raise Refused(f"a gift of {gift.amount}", "quota-gift-amount", most=MOST)
        told = {"format": gift.kind.value, "amount": gift.amount, "reason": gift.reason}
        row = self._row(gift)
        if not row["key"]:
            self._audit.note(gift.by, "quota.gift", told_user(gift.user_id), told)
            return self.db.add(QUOTA_GIFT, row)
        if self.db.put(QUOTA_GIFT.insert(row).on_conflict_ignore()):
            self._audit.note(gift.by, "quota.gift", told_user(gift.user_id), told)
        same = QUOTA_GIFT.select(QUOTA_GIFT.id).where(QUOTA_GIFT.key == row["key"])
        return int(self.db.value(same))

    def _row(self, gift: Gift) -> Row:
        return {
            "user_id": gift.user_id,
            "format": gift.kind.value,
            "amount": gift.amount,
            "expires_at": dump_time(gift.expires_at),
            "by_whom": storable_text(gift.by),
            "reason": storable_text(gift.reason),
            "key": storable_text(gift.key) if gift.key else None,
            "at": iso(self._clock()),
        }

    def open_gift(self, user_id: int, kind: Format) -> int | None:
        """Return the gift to use next: of those with something left the one that ends first."""
        rows = self.db.rows(self._open(user_id).where(QUOTA_GIFT.format == kind.value))
        first = min(rows, key=lambda row: (row["expires_at"] or "~", row["id"]), default=None)
        return None if first is None else int(first["id"])

    def unused(self, user_id: int) -> Mapping[Format, int]:
        """Return how many questions of each format are left in gifts that count now."""
        sums: dict[Format, int] = {}
        for row in self.db.rows(self._open(user_id)):
            kind = Format(row["format"])
            sums[kind] = sums.get(kind, 0) + row["amount"] - int(row["used"])
        return sums

    def _open(self, user_id: int) -> Select:
        is_open = QUOTA_GIFT.expires_at.is_null() | (QUOTA_GIFT.expires_at > iso(self._clock()))
        return _gifts(user_id).where(is_open).having(QUOTA_GIFT.amount > _GIFTS_USED)

    def all(self, user_id: int) -> list[Given]:
        """Return every gift the person got, newest first, the ended ones too."""
        return [_given(row) for row in self.db.rows(_gifts(user_id).order_by(QUOTA_GIFT.id.desc()))]

    @transaction
    def forget(self, user_id: int) -> None:
        """Remove every gift of the person; their uses are removed before."""
        self.db.change(QUOTA_GIFT.delete().where(QUOTA_GIFT.user_id == user_id))


_GIFTS_USED: Any = fn.COUNT(QUOTA_USE.id)


def _gifts(user_id: int) -> Select:
    """Return the SELECT of a person's gifts, each with how much of it is used."""
    is_use = (QUOTA_USE.gift_id == QUOTA_GIFT.id) & (QUOTA_USE.state != UseState.RETURNED.value)
    gifts = QUOTA_GIFT.select(*QUOTA_GIFT.every(), _GIFTS_USED.alias("used"))
    joined = gifts.join(QUOTA_USE, JOIN.LEFT_OUTER, on=is_use)
    return joined.where(QUOTA_GIFT.user_id == user_id).group_by(QUOTA_GIFT.id)


def _given(row: Row) -> Given:
    gift = Gift(
        user_id=row["user_id"],
        kind=Format(row["format"]),
        amount=row["amount"],
        by=row["by_whom"],
        reason=row["reason"],
        expires_at=load_time(row["expires_at"]),
        key=row["key"],
    )
    return Given(row["id"], gift, from_iso(row["at"]), int(row["used"]))


# Every question passes these: as plain statements they take a tenth of the time.
_FIND = "SELECT state, format, gift_id FROM quota_use WHERE bot_id = ? AND update_id = ?"
_USES = """
SELECT format, SUM(CASE WHEN day = ? THEN 1 ELSE 0 END), COUNT(*) FROM quota_use
WHERE user_id = ? AND month = ? AND scope = ? AND gift_id IS NULL AND state <> 'returned'
GROUP BY format
"""
_TAKE = """
INSERT INTO quota_use
(bot_id, update_id, user_id, format, state, gift_id, scope, day, month, at)
VALUES (?, ?, ?, ?, 'reserved', ?, ?, ?, ?, ?)
ON CONFLICT (bot_id, update_id) DO UPDATE SET user_id = excluded.user_id,
format = excluded.format, state = excluded.state, gift_id = excluded.gift_id,
scope = excluded.scope, day = excluded.day, month = excluded.month, at = excluded.at
"""
# The state is spelled out, so that SQLite takes the index of what is reserved.
_ABANDONED = """
SELECT update_id FROM quota_use WHERE state = 'reserved' AND bot_id = ? AND at < ?
"""
_ANEW = """
UPDATE quota_use SET at = ? WHERE bot_id = ? AND update_id = ? AND state = 'reserved'
"""
_SETTLE = """
UPDATE quota_use SET state = ? WHERE bot_id = ? AND update_id = ? AND state = 'reserved'
"""


class QuotaRows:
    """What people asked through one bot; what they have left counts over all bots.

    With a cipher, what people had used before they deleted everything still counts.
    """

    def __init__(
        self, db: Database, bot_id: int, clock: Clock = utc_now, cipher: Cipher | None = None
    ) -> None:
        self.db = db
        self._bot_id = bot_id
        self._clock = clock
        self._leaving = LeavingRows(db, cipher, clock) if cipher is not None else None
        self._gifts = GiftRows(db, clock)

    @transaction
    def reserve(
        self, user_id: int, update_id: int, kind: Format, plan: Plan, zone: tzinfo
    ) -> Reserved | Spent:
        """Take one question out of the plan or else of a gift; once for an update.

        Asked again for the same update it returns the same. What was given back, and what was
        refused, is judged anew. With UNLIMITED nothing is counted.
        """
        if plan == UNLIMITED:
            return Reserved(update_id, kind)
        lock_user(self.db, user_id, self._clock)
        for state, stored, gift_id in self.db.sql(_FIND, self._bot_id, update_id):
            if state != UseState.RETURNED.value:
                # Whoever answers it now has as long as the first: it is not abandoned meanwhile.
                self.db.sql(_ANEW, iso(self._clock()), self._bot_id, update_id)
                return Reserved(update_id, Format(stored), gift_id)
        now, allowance = today(self._clock(), zone), plan.allowance(kind)
        used = (
            self._used(user_id, now, plan.scope).get(kind, Used())
            if allowance.is_limited
            else Used()
        )
        if has_room(allowance, used):
            return self._take(user_id, Reserved(update_id, kind), plan.scope, now)
        gift_id = self._gifts.open_gift(user_id, kind)
        if gift_id is None:
            return Spent(update_id, left_of(kind, allowance, used, now))
        return self._take(user_id, Reserved(update_id, kind, gift_id), plan.scope, now)

    @transaction
    def charge(self, update_id: int) -> None:
        """Note that the question was answered; nothing where nothing is reserved."""
        self._settle(update_id, UseState.CHARGED)

    @transaction
    def give_back(self, update_id: int) -> None:
        """Let a reserved question not count; nothing where nothing is reserved."""
        self._settle(update_id, UseState.RETURNED)

    @transaction
    def give_back_before(self, at: datetime) -> int:
        """Let this bot's questions not count that were reserved before then and never settled."""
        found = self.db.sql(_ABANDONED, self._bot_id, iso(at))
        for (update_id,) in found:
            self._settle(update_id, UseState.RETURNED)
        return len(found)

    def left(self, user_id: int, plan: Plan, zone: tzinfo) -> Mapping[Format, Left]:
        """Return what is left of every format."""
        now = today(self._clock(), zone)
        used, gifts = self._used(user_id, now, plan.scope), self._gifts.unused(user_id)
        return {
            kind: left_of(
                kind, plan.allowance(kind), used.get(kind, Used()), now, gifts.get(kind, 0)
            )
            for kind in Format
        }

    def give(self, gift: Gift) -> int:
        """Store a gift, note it in the audit, return its id; the one of the same key stays.

        Raises Refused when the amount is not 1 to MOST.
        """
        return self._gifts.give(gift)

    def gifts(self, user_id: int) -> list[Given]:
        """Return every gift the person got, newest first, the ended ones too."""
        return self._gifts.all(user_id)

    @transaction
    def forget(self, user_id: int) -> None:
        """Remove every use and gift of the person."""
        self.db.change(QUOTA_USE.delete().where(QUOTA_USE.user_id == user_id))
        self._gifts.forget(user_id)

    def _used(self, user_id: int, now: Today, scope: str) -> Mapping[Format, Used]:
        """Return what the plan has paid for, by format, counted from the rows."""
        rows = self.db.sql(_USES, now.day, user_id, now.month, scope)
        used = {Format(kind): Used(int(day), int(month)) for kind, day, month in rows}
        # What was left behind was counted for the plans that everybody may have.
        if self._leaving is None or scope:
            return used
        return used | self._left_behind(user_id, now, used)

    def _left_behind(
        self, user_id: int, now: Today, used: Mapping[Format, Used]
    ) -> dict[Format, Used]:
        """Return the sums with what the person had used before they deleted everything."""
        sums = {}
        for row in self._leaving.left(user_id) if self._leaving else ():
            kind = Format(row["format"])
            here = used.get(kind, Used())
            day = row["day_used"] if row["day"] == now.day else 0
            month = row["month_used"] if row["month"] == now.month else 0
            sums[kind] = Used(here.day + day, here.month + month)
        return sums

    def _take(self, user_id: int, reserved: Reserved, scope: str, now: Today) -> Reserved:
        use = (self._bot_id, reserved.update_id, user_id, reserved.kind.value, reserved.gift_id)
        self.db.sql(_TAKE, *use, scope, now.day, now.month, iso(self._clock()))
        return reserved

    def _settle(self, update_id: int, state: UseState) -> None:
        self.db.sql(_SETTLE, state.value, self._bot_id, update_id)
