"""Rows of the audit; fulfils `account.audit.Audit`."""

from __future__ import annotations

from collections.abc import Mapping

from merlin.account.audit import Entry, news
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.notice import OTHERS
from merlin.store.account_tables import AUDIT
from merlin.store.database import Database, Row, transaction
from merlin.store.notices import NoticeRows
from merlin.store.values import dumped, loaded, plain


class AuditRows:
    """One row an action; rows are only added."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock

    @transaction
    def note(
        self, by: str, action: str, target: str, arguments: Mapping[str, object] | None = None
    ) -> None:
        """Add one entry; `arguments` are plain JSON values. The other admins may hear of it."""
        entry = Entry(self._clock(), plain(by), action, plain(target), dict(arguments or {}))
        new = {
            "at": iso(entry.at),
            "by_whom": entry.by,
            "action": entry.action,
            "target": entry.target,
            "arguments": dumped(entry.arguments),
        }
        self.db.add(AUDIT, new)
        told = news(entry)
        if told is not None:
            NoticeRows(self.db, self._clock).tell(OTHERS, *told)

    def newest(
        self, limit: int = 50, target: str | None = None, by: str | None = None, before: int = 0
    ) -> list[Entry]:
        """Return the newest entries first: of one target, of who did it, older than a number."""
        entries = AUDIT.select().order_by(AUDIT.id.desc()).limit(limit)
        if target is not None:
            entries = entries.where(AUDIT.target == target)
        if by is not None:
            entries = entries.where(AUDIT.by_whom == by)
        if before:
            entries = entries.where(AUDIT.id < before)
        return [_entry(row) for row in self.db.rows(entries)]


def _entry(row: Row) -> Entry:
    return Entry(
        at=from_iso(row["at"]),
        by=row["by_whom"],
        action=row["action"],
        target=row["target"],
        arguments=loaded(row["arguments"]),
        number=row["id"],
    )
