"""Notice: a durable row by which daemon, api and billing tell people something.

The bot renders it in each person's language and sends it through its outbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from merlin.core.log import redact

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


class Notices(Protocol):
    """Where notices are kept."""

    def tell(self, to: str, key: str, arguments: Mapping[str, object], once: str = "") -> bool:
        """Store a notice; False for one whose `once` word was stored before."""

    def waiting(self, limit: int = 20, told_since: datetime | None = None) -> list[Notice]:
        """Return the oldest notices not yet handed over.

        Those to admins whose key was told since `told_since` are left to wait for company.
        """

    def newest(self, to: str, limit: int) -> list[Notice]:
        """Return the newest notices to somebody, newest first."""

    def handed_over(self, notice_id: int) -> bool:
        """Mark it as sent; False when somebody else did so before."""


def tell_failing(notices: Notices, process: str, failing: Mapping[str, str], day: date) -> None:
    """Tell the admins, once a day, of each step of a process that fails by a bug again and again.

    `failing` is what `BugCount.failing` says.
    """
    for step, reason in failing.items():
        told = {"process": process, "step": step, "reason": redact(reason)}
        once = f"failing:{process}:{step}:{day.isoformat()}"
        notices.tell(ADMINS, "notice-failing", told, once=once)
