"""Rows of gifts: questions beyond a plan's; `store.quotas` gives them out and uses them up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peewee import JOIN, Select, fn

from merlin.account.audit import user as told_user
from merlin.billing.plan import Format
from merlin.billing.quota import MOST, Gift, Given, UseState
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.errors import Refused
from merlin.store.account_tables import QUOTA_GIFT, QUOTA_USE
from merlin.store.audit import AuditRows
from merlin.store.database import Database, Row, transaction
from merlin.store.values import plain, read_time, stored_time


class GiftRows:
    """One row a gift; how much of one is used is counted from the uses."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock
        self._audit = AuditRows(db, clock)

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
            "expires_at": stored_time(gift.expires_at),
            "by_whom": plain(gift.by),
            "reason": plain(gift.reason),
            "key": plain(gift.key) if gift.key else None,
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
        return _gifts(user_id).where(is_open).having(QUOTA_GIFT.amount > _USED)

    def all(self, user_id: int) -> list[Given]:
        """Return every gift the person got, newest first, the ended ones too."""
        return [_given(row) for row in self.db.rows(_gifts(user_id).order_by(QUOTA_GIFT.id.desc()))]

    @transaction
    def forget(self, user_id: int) -> None:
        """Remove every gift of the person; their uses are removed before."""
        self.db.change(QUOTA_GIFT.delete().where(QUOTA_GIFT.user_id == user_id))


_USED: Any = fn.COUNT(QUOTA_USE.id)


def _gifts(user_id: int) -> Select:
    """Return the SELECT of a person's gifts, each with how much of it is used."""
    is_use = (QUOTA_USE.gift_id == QUOTA_GIFT.id) & (QUOTA_USE.state != UseState.RETURNED.value)
    gifts = QUOTA_GIFT.select(*QUOTA_GIFT.every(), _USED.alias("used"))
    joined = gifts.join(QUOTA_USE, JOIN.LEFT_OUTER, on=is_use)
    return joined.where(QUOTA_GIFT.user_id == user_id).group_by(QUOTA_GIFT.id)


def _given(row: Row) -> Given:
    gift = Gift(
        user_id=row["user_id"],
        kind=Format(row["format"]),
        amount=row["amount"],
        by=row["by_whom"],
        reason=row["reason"],
        expires_at=read_time(row["expires_at"]),
        key=row["key"],
    )
    return Given(row["id"], gift, from_iso(row["at"]), int(row["used"]))
