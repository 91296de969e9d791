"""What outlives an erasure, under a keyed hash: what of a plan was used, trials, codes, a block.

Without it, deleting everything and coming back would fill the plan up again, or end a block.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from peewee import Case, fn

from merlin.billing.quota import Source, UseState
from merlin.core.clock import iso
from merlin.db.database import Parameter, Prepared, Repository, Row, transaction
from merlin.db.tables import LEFT_BEHIND, PROMO, PROMO_USE, QUOTA_USE, TERM, USER

# Stands in the place of a format; a block ends only by an admin's word.
BLOCK = "block"
# So is "trial:plus", "promo:SUMMER": this trial was had, this code was used.
_ALWAYS = "9999-12-31"
_NOTHING: Row = {"day": "", "day_used": 0, "month": "", "month_used": 0}
_IS_BLOCK = LEFT_BEHIND.format == BLOCK
# Every question passes the first of these, every batch of updates the second.
_KEPT = Prepared(
    LEFT_BEHIND.select().where(
        (LEFT_BEHIND.mark == Parameter("mark")) & (LEFT_BEHIND.until > Parameter("now"))
    )
)
_BLOCKED = Prepared(LEFT_BEHIND.select(LEFT_BEHIND.mark).where(_IS_BLOCK))


class LeavingRows(Repository):
    """One row a format and a person who left, and one more for who was blocked.

    Without a cipher nobody who left is recognized.
    """

    @transaction
    def keep(self, user_id: int, until: datetime) -> None:
        """Keep what the person has used of the newest day and month, until `until`."""
        marks = self.db.cipher.marks(str(user_id))
        now = iso(self._clock())
        rows = (row for mark in marks for row in self.db.rows(_KEPT(mark=mark, now=now)))
        before = {row["format"]: row for row in rows}
        for row in self._used(user_id):
            old = before.get(row["format"], {})
            for span in ("day", "month"):
                if old.get(span) == row[span]:  # what was left behind before is of the same time
                    row[f"{span}_used"] += old[f"{span}_used"]
            self._put(marks[0], row, iso(until))
        is_blocked = USER.select(USER.is_blocked).where(USER.user_id == user_id)
        had = [BLOCK] if self.db.value(is_blocked) else []
        is_trial = (TERM.user_id == user_id) & (TERM.source == Source.TRIAL.value)
        trials = self.db.rows(TERM.select(TERM.plan).where(is_trial))
        had += [f"{Source.TRIAL.value}:{row['plan']}" for row in trials]
        codes = PROMO.select(PROMO.code).join(PROMO_USE, on=(PROMO_USE.promo_id == PROMO.id))
        used = self.db.rows(codes.where(PROMO_USE.user_id == user_id))
        had += [f"{Source.PROMO.value}:{row['code']}" for row in used]
        for what in had:
            self._put(marks[0], {"format": what, **_NOTHING}, _ALWAYS)

    def _used(self, user_id: int) -> list[Row]:
        """Return what the plan paid for in the person's newest day and month, by format."""
        paid = (
            (QUOTA_USE.user_id == user_id)
            & QUOTA_USE.gift_id.is_null()
            & (QUOTA_USE.scope == "")
            & (QUOTA_USE.state != UseState.RETURNED.value)
        )
        newest = self.db.row(QUOTA_USE.select(fn.MAX(QUOTA_USE.day).alias("day")).where(paid))
        day = newest["day"] if newest else None
        if day is None:
            return []
        last = QUOTA_USE.select(fn.MAX(QUOTA_USE.month)).where(paid & (QUOTA_USE.day == day))
        month = str(self.db.value(last))
        today: Any = fn.SUM(Case(None, ((QUOTA_USE.day == day, 1),), 0))
        query = QUOTA_USE.select(
            QUOTA_USE.format, today.alias("day_used"), fn.COUNT(QUOTA_USE.id).alias("month_used")
        )
        rows = self.db.rows(
            query.where(paid & (QUOTA_USE.month == month)).group_by(QUOTA_USE.format)
        )
        dated = {"day": day, "month": month}
        return [{**row, "day_used": int(row["day_used"]), **dated} for row in rows]

    def _put(self, mark: str, values: Row, until: str) -> None:
        key = {"mark": mark, "format": values["format"]}
        names = ("day", "day_used", "month", "month_used")
        newest = {**{name: values[name] for name in names}, "until": until}
        self.db.upsert(LEFT_BEHIND, key, newest)

    def had(self, user_id: int, source: Source, name: str) -> bool:
        """Return whether the person had the trial of a plan, or used a code, before they left."""
        marks = self._marks(user_id)
        condition = LEFT_BEHIND.mark.in_(marks) & (LEFT_BEHIND.format == f"{source.value}:{name}")
        return self.db.value(LEFT_BEHIND.select(LEFT_BEHIND.mark).where(condition)) is not None

    def blocked(self, user_ids: Collection[int]) -> set[int]:
        """Return those of the people who were blocked when they left."""
        barred = {row["mark"] for row in self.db.rows(_BLOCKED())}
        # Nearly always nobody is, and then nothing is computed.
        return {who for who in user_ids if barred and barred & {*self._marks(who)}}

    @transaction
    def unblock(self, user_id: int) -> None:
        """Forget that the person was blocked."""
        marks = self._marks(user_id)
        self.db.change(LEFT_BEHIND.delete().where(_IS_BLOCK & LEFT_BEHIND.mark.in_(marks)))

    def _marks(self, user_id: int) -> list[str]:
        """Return the person's marks, the newest key's first; none without a cipher."""
        return self.db.cipher.marks(str(user_id)) if self.db.has_cipher else []
