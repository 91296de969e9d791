"""The audit log: who did what and when; rows are only added."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from merlin.db.database import Repository, transaction
from merlin.db.tables import AUDIT
from merlin.db.values import RowMap


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the audit log.

    `by` is "user:<Telegram id>" or "cli:<login>"; `action` is a short constant such as
    "role.grant", whose text is `audit-role-grant`; `target` is the object: "user:<id>",
    "job:<id>", "dataset:<name>".
    """

    at: datetime
    by: str
    action: str
    target: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    id: int = 0


def person_reference(user_id: int) -> str:
    """Return how the audit log refers to a person, as author and as target."""
    return f"user:{user_id}"


class Audit(Repository):
    """One row for each action; rows are only added."""

    @transaction
    def note(
        self,
        by: str,
        action: str,
        target: str,
        arguments: Mapping[str, object] | None = None,
    ) -> None:
        """Add one entry; `arguments` are JSON values."""
        entry = AuditEntry(self._clock(), by, action, target, arguments or {})
        self.db.add(AUDIT, _ENTRIES.write(entry, but=("id",)))

    def list_newest(
        self,
        limit: int = 50,
        target: str | None = None,
        by: str | None = None,
        before: int = 0,
    ) -> list[AuditEntry]:
        """Return entries, newest first: of one target, by one author, below an id."""
        entries = AUDIT.select().order_by(AUDIT.id.desc()).limit(limit)
        if target is not None:
            entries = entries.where(AUDIT.target == target)
        if by is not None:
            entries = entries.where(AUDIT.by_whom == by)
        if before:
            entries = entries.where(AUDIT.id < before)
        return _ENTRIES.read_all(self.db, entries)


_ENTRIES = RowMap(AuditEntry, columns={"by": "by_whom"})
