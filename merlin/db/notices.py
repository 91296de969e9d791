"""Notices: durable rows by which daemon, API and billing notify people.

The bot renders a notice in each person's language and sends it through its outbox.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from merlin.core.clock import iso
from merlin.core.log import redact
from merlin.db.database import Repository, transaction
from merlin.db.tables import NOTICE
from merlin.db.values import RowMap

ADMINS = "admins"
# Sent at once, even in quick succession.
NEWS = frozenset({"notice-serving"})
# Faults by cause: those of one cause are sent in one message, with the text
# `runbook-<cause>`: what to do about them.
CAUSES = {
    "provider": (
        "provider answer-gone answer-spent answer-refused answer-failing gone failed late status"
        " forbidden no-provider hear-failed"
    ),
    "repository": "repository no-branch rewritten forge change-waits change-parked-of",
    "telegram": "conflict unconfirmed",
    "machine": "disk failing",
    "sunset": "sunset sunset-assistant sunset-transcription sunset-vision sunset-preset",
}
_CAUSE_BY_KEY = {
    f"notice-{name}": cause for cause, names in CAUSES.items() for name in names.split()
}


def cause_of(key: str) -> str:
    """Return the cause that a notice shares with others, "" for none."""
    return _CAUSE_BY_KEY.get(key, "")


@dataclass(frozen=True, slots=True)
class Notice:
    """The recipients (`ADMINS` or a user id), and the Fluent key with arguments."""

    notice_id: int
    to: str
    key: str
    arguments: Mapping[str, object]
    created_at: datetime


class Notices(Repository):
    """Notices wait until one process hands them over."""

    @transaction
    def notify(
        self, to: str, key: str, arguments: Mapping[str, object], once: str = ""
    ) -> bool:
        """Store a notice; False if its `once` key was stored before."""
        row = _NOTICES.write(
            Notice(0, to, key, arguments, self._clock()), but=("notice_id",)
        )
        is_new = self.db.add_new(
            NOTICE, {**row, "once": once or None, "handed_over_at": None}
        )
        if is_new:
            self.db.announce_change()
        return is_new

    def notify_daily(
        self, key: str, arguments: Mapping[str, object], *about: object
    ) -> bool:
        """Store a notice to admins; False if one about the same was stored today (UTC)."""
        once = (key, *about, f"{self._clock():%Y-%m-%d}")
        return self.notify(ADMINS, key, arguments, ":".join(map(str, once)))

    def notify_hourly(
        self, key: str, arguments: Mapping[str, object], *about: object
    ) -> bool:
        """Store a notice to admins; False if one about the same was stored in this hour."""
        return self.notify_daily(key, arguments, *about, f"{self._clock():%H}")

    def notify_failing_steps(self, process: str, failing: Mapping[str, str]) -> None:
        """Notify admins, once a day, of each step of a process that repeatedly fails by a bug.

        `failing` is the result of `Failures.bugs`.
        """
        for step, reason in failing.items():
            arguments = {"process": process, "step": step, "reason": redact(reason)}
            self.notify_daily("notice-failing", arguments, process, step)

    def list_waiting(
        self, limit: int = 20, told_since: datetime | None = None
    ) -> list[Notice]:
        """Return the oldest notices not yet handed over.

        A notice to admins waits for others if one of its key or cause was sent since `told_since`.
        """
        waiting = NOTICE.select().where(NOTICE.handed_over_at.is_null())
        if told_since is not None and (held := self._recently_sent(told_since)):
            waiting = waiting.where(
                (NOTICE.to_whom != ADMINS) | NOTICE.key.not_in(held)
            )
        return _NOTICES.read_all(self.db, waiting.order_by(NOTICE.id).limit(limit))

    def _recently_sent(self, since: datetime) -> list[str]:
        """Return the keys sent to admins since a time, with those of the same cause."""
        lately = NOTICE.select(NOTICE.key).where(
            (NOTICE.to_whom == ADMINS)
            & NOTICE.handed_over_at.between(iso(since), iso(self._clock()))
        )
        found = {row.key for row in self.db.rows(lately)}
        causes = {cause_of(key) for key in found} - {""}
        return sorted(
            found.union(k for k, v in _CAUSE_BY_KEY.items() if v in causes) - NEWS
        )

    def list_newest(self, to: str, limit: int) -> list[Notice]:
        """Return the newest notices to one recipient, newest first."""
        query = NOTICE.select().where(NOTICE.to_whom == to)
        return _NOTICES.read_all(self.db, query.order_by(NOTICE.id.desc()).limit(limit))

    @transaction
    def mark_handed_over(self, notice_id: int) -> bool:
        """Mark it as sent; False if another process did so before."""
        is_mine = (NOTICE.id == notice_id) & NOTICE.handed_over_at.is_null()
        return self.db.update(NOTICE, is_mine, handed_over_at=iso(self._clock()))


_NOTICES = RowMap(Notice, columns={"notice_id": "id", "to": "to_whom"})
