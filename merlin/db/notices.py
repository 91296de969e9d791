"""Notices: durable rows by which daemon, API and billing tell people something.

The bot renders one in each person's language and sends it through its outbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from merlin.core.clock import iso
from merlin.core.i18n import stored_text
from merlin.core.log import redact
from merlin.db.database import Repository, transaction
from merlin.db.tables import NOTICE
from merlin.db.values import RowMap

ADMINS = "admins"
# All admins but the one whom `by` in the arguments names: what one did, told to the rest.
OTHERS = "other admins"
# Told at once, however many come one after another.
NEWS = frozenset({"notice-serving"})


@dataclass(frozen=True, slots=True)
class Notice:
    """To whom (`ADMINS`, `OTHERS`, or a user id as text), and the Fluent key with its arguments."""

    notice_id: int
    to: str
    key: str
    arguments: Mapping[str, object]
    created_at: datetime

    def text(self, language: str) -> str:
        """Return what is told, in a language."""
        return stored_text(language, self.key, self.arguments)


def notify_failing_steps(
    notices: Notices, process: str, failing: Mapping[str, str], day: date
) -> None:
    """Tell the admins, once a day, of each step of a process that fails by a bug again and again.

    `failing` is what `BugCount.failing` says.
    """
    for step, reason in failing.items():
        told = {"process": process, "step": step, "reason": redact(reason)}
        once = f"failing:{process}:{step}:{day.isoformat()}"
        notices.tell(ADMINS, "notice-failing", told, once=once)


class Notices(Repository):
    """Notices wait until one process hands them over."""

    @transaction
    def tell(self, to: str, key: str, arguments: Mapping[str, object], once: str = "") -> bool:
        """Store a notice; False for one whose `once` word was stored before."""
        row = _NOTICES.write(Notice(0, to, key, arguments, self._clock()), but=("notice_id",))
        is_new = self.db.add_new(NOTICE, {**row, "once": once or None, "handed_over_at": None})
        if is_new:
            self.db.bump()
        return is_new

    def waiting(self, limit: int = 20, told_since: datetime | None = None) -> list[Notice]:
        """Return the oldest notices not yet handed over.

        Those to admins whose key was told since `told_since` are left to wait for company.
        """
        waiting = NOTICE.select().where(NOTICE.handed_over_at.is_null())
        if told_since is not None:
            lately = NOTICE.alias("lately")
            told = lately.select(lately.key).where(
                (lately.to_whom == ADMINS)
                & (lately.handed_over_at > iso(told_since))
                # What was told in the future was told before the clock was set back.
                & (lately.handed_over_at <= iso(self._clock()))
            )
            waiting = waiting.where(
                (NOTICE.to_whom != ADMINS) | NOTICE.key.not_in(told) | NOTICE.key.in_(NEWS)
            )
        return _NOTICES.read_all(self.db.rows(waiting.order_by(NOTICE.id).limit(limit)))

    def newest(self, to: str, limit: int) -> list[Notice]:
        """Return the newest notices to somebody, newest first."""
        mine = NOTICE.select().where(NOTICE.to_whom == to)
        return _NOTICES.read_all(self.db.rows(mine.order_by(NOTICE.id.desc()).limit(limit)))

    @transaction
    def handed_over(self, notice_id: int) -> bool:
        """Mark it as sent; False when somebody else did so before."""
        mark = NOTICE.update({"handed_over_at": iso(self._clock())})
        is_mine = (NOTICE.id == notice_id) & NOTICE.handed_over_at.is_null()
        return self.db.change(mark.where(is_mine)) > 0


_NOTICES = RowMap(Notice, columns={"notice_id": "id", "to": "to_whom"})
