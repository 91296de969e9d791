"""Rows by which processes tell people something; fulfils `core.notice.Notices`."""

from __future__ import annotations

from collections.abc import Mapping

from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.notice import Notice
from merlin.store.database import Database, Row, transaction
from merlin.store.tables import NOTICE
from merlin.store.values import dumped, loaded


class NoticeRows:
    """Notices wait until one process hands them over."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock

    @transaction
    def tell(self, to: str, key: str, arguments: Mapping[str, object], once: str = "") -> None:
        """Store a notice; one with the same `once` word is stored a single time."""
        new = NOTICE.insert(
            {
                "to_whom": to,
                "key": key,
                "arguments": dumped(dict(arguments)),
                "once": once or None,
                "created_at": iso(self._clock()),
                "handed_over_at": None,
            }
        )
        if self.db.put(new.on_conflict_ignore()):
            self.db.bump()

    def waiting(self, limit: int = 20) -> list[Notice]:
        """Return the oldest notices not yet handed over."""
        waiting = NOTICE.select().where(NOTICE.handed_over_at.is_null())
        return [_notice(row) for row in self.db.rows(waiting.order_by(NOTICE.id).limit(limit))]

    @transaction
    def handed_over(self, notice_id: int) -> bool:
        """Mark it as sent; False when somebody else did so before."""
        mark = NOTICE.update({"handed_over_at": iso(self._clock())})
        is_mine = (NOTICE.id == notice_id) & NOTICE.handed_over_at.is_null()
        return self.db.change(mark.where(is_mine)) > 0


def _notice(row: Row) -> Notice:
    return Notice(
        notice_id=row["id"],
        to=row["to_whom"],
        key=row["key"],
        arguments=loaded(row["arguments"]),
        created_at=from_iso(row["created_at"]),
    )
