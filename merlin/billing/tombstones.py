"""Data kept under a keyed hash after an erasure: plan usage, a block.

Without it, deleting everything and coming back would reset the usage and remove a block.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from peewee import Case, fn

from merlin.billing.quota import UseState
from merlin.core.clock import iso
from merlin.db.database import Parameter, Prepared, Repository, Row, transaction
from merlin.db.tables import LEFT_BEHIND, QUOTA_USE, USER

# Stored in the place of a format; only an admin ends a block.
BLOCK = "block"
_ALWAYS = "9999-12-31"
_NOTHING: Row = {"day": "", "day_used": 0, "month": "", "month_used": 0}
_IS_BLOCK = LEFT_BEHIND.format == BLOCK
# The first query runs for every question, the second for every batch of updates.
_VALID_ROWS = Prepared(
    LEFT_BEHIND.select().where(
        (LEFT_BEHIND.mark == Parameter("mark")) & (LEFT_BEHIND.until > Parameter("now"))
    )
)
_BLOCKED = Prepared(LEFT_BEHIND.select(LEFT_BEHIND.mark).where(_IS_BLOCK))


class Tombstones(Repository):
    """One row for each format of a person who left, one for a block.

    Without a cipher, people who left are not recognised.
    """

    @transaction
    def store(self, user_id: int, until: datetime) -> None:
        """Keep the person's newest usage until `until`, and their block."""
        marks = self.db.cipher.marks(str(user_id))
        now = iso(self._clock())
        rows = (row for mark in marks for row in self.db.rows(_VALID_ROWS(mark=mark, now=now)))
        kept = {row["format"]: row for row in rows}
        for row in self._list_covered(user_id):
            earlier = kept.get(row["format"], {})
            for span in ("day", "month"):
                if earlier.get(span) == row[span]:  # an earlier erasure in the same day or month
                    row[f"{span}_used"] += earlier[f"{span}_used"]
            self._put(marks[0], row.pop("format"), iso(until), row)
        query = USER.select(USER.is_blocked).where(USER.user_id == user_id)
        if self.db.value(query):
            self._put(marks[0], BLOCK, _ALWAYS)

    def _list_covered(self, user_id: int) -> list[Row]:
        """Return what the plan covered in the person's newest day and month, by format."""
        paid = (
            (QUOTA_USE.user_id == user_id)
            & QUOTA_USE.pack_id.is_null()
            & (QUOTA_USE.scope == "")
            & (QUOTA_USE.state != UseState.RETURNED.value)
        )
        newest = self.db.row(QUOTA_USE.select(fn.MAX(QUOTA_USE.day).alias("day")).where(paid))
        day = newest["day"] if newest else None
        if day is None:
            return []
        newest_month = QUOTA_USE.select(fn.MAX(QUOTA_USE.month))
        month = str(self.db.value(newest_month.where(paid & (QUOTA_USE.day == day))))
        day_used: Any = fn.SUM(Case(None, ((QUOTA_USE.day == day, 1),), 0))
        query = QUOTA_USE.select(
            QUOTA_USE.format, day_used.alias("day_used"), fn.COUNT(QUOTA_USE.id).alias("month_used")
        )
        rows = self.db.rows(
            query.where(paid & (QUOTA_USE.month == month)).group_by(QUOTA_USE.format)
        )
        dates = {"day": day, "month": month}
        return [{**row, "day_used": int(row["day_used"]), **dates} for row in rows]

    def _put(self, mark: str, name: str, until: str, use: Row = _NOTHING) -> None:
        self.db.upsert(LEFT_BEHIND, {"mark": mark, "format": name}, {**use, "until": until})

    def find_blocked(self, user_ids: Collection[int]) -> set[int]:
        """Return those people who were blocked when they left."""
        blocked_marks = {row["mark"] for row in self.db.rows(_BLOCKED())}
        # Usually no one is blocked, and no marks are computed.
        return {
            user_id
            for user_id in user_ids
            if blocked_marks and blocked_marks & {*self._marks(user_id)}
        }

    @transaction
    def unblock(self, user_id: int) -> None:
        """Delete the stored block of a person."""
        marks = self._marks(user_id)
        self.db.delete(LEFT_BEHIND, _IS_BLOCK & LEFT_BEHIND.mark.in_(marks))

    def _marks(self, user_id: int) -> list[str]:
        """Return the person's marks, the newest key's first; none without a cipher."""
        return self.db.cipher.marks(str(user_id)) if self.db.has_cipher else []
