"""Audit: who did what that cannot be taken back unseen, and when; rows are only added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from merlin.db.database import Repository, transaction
from merlin.db.notices import OTHERS, Notices
from merlin.db.tables import AUDIT
from merlin.db.values import RowMap


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done.

    `by` is "user:<Telegram id>" or "cli:<login>"; `action` a short constant word such as
    "role.grant", which has a text `audit-role-grant`; `target` what it was done to: "user:<id>",
    "job:<id>", "dataset:<name>". `number` tells entries apart, a later one has a greater one.
    """

    at: datetime
    by: str
    action: str
    target: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    number: int = 0


def person_reference(user_id: int) -> str:
    """Return how the audit names a person, as who did it and whom it was done to."""
    return f"user:{user_id}"


# What the other admins hear of at once, by the action.
_NEWS: Mapping[str, str] = {
    "role.grant": "notice-deed-grant",
    "role.revoke": "notice-deed-revoke",
    "user.block": "notice-deed-block",
    "user.unblock": "notice-deed-unblock",
}
_PEOPLE = ("user:", "cli:")


def is_person(by: str) -> bool:
    """Return whether somebody did it, and no program."""
    return by.startswith(_PEOPLE)


class Audit(Repository):
    """One row an action; rows are only added."""

    @transaction
    def note(
        self, by: str, action: str, target: str, arguments: Mapping[str, object] | None = None
    ) -> None:
        """Add one entry; `arguments` are plain JSON values. The other admins may hear of it."""
        entry = Entry(self._clock(), by, action, target, arguments or {})
        self.db.add(AUDIT, _ENTRIES.write(entry, but=("number",)))
        key = _NEWS.get(action)
        if key is not None and is_person(by):
            role = {"key": f"role-{entry.arguments.get('role', 'student')}", "arguments": {}}
            scope = entry.arguments.get("scope")
            told = {"by": by, "to": target, "role": role, "scope": f" ({scope})" if scope else ""}
            Notices(self.db, self._clock).tell(OTHERS, key, told)

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
        return _ENTRIES.read_all(self.db.rows(entries))


_ENTRIES = RowMap(Entry, columns={"by": "by_whom", "number": "id"})
