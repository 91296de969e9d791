"""Quota: what is left of a plan, as pure functions, and where what was used is kept.

A question is reserved when it comes, charged with its answer and given back when it fails. How
much was used is never stored: it is counted from the rows of questions. A question that the
plan has no room for is taken from a gift. The day and the month are those of the person's own
time zone at the moment of the question; each is named in the row, so that a journey or a change
of the zone counts no question twice and forgets none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Protocol

from merlin.billing.plan import Allowance, Format, Plan

# Above what anybody means, below what a database holds.
MOST = 1_000_000


class Period(StrEnum):
    """For how long an allowance counts."""

    DAY = "day"
    MONTH = "month"


class UseState(StrEnum):
    """Where one question stands; the first of charged and returned stays."""

    RESERVED = "reserved"
    CHARGED = "charged"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Today:
    """A moment as one time zone has it: "2026-11-20", "2026-11", and when they end in UTC."""

    day: str
    month: str
    day_ends: datetime
    month_ends: datetime

    def ends(self, period: Period) -> datetime:
        """Return when the period that runs now ends, in UTC."""
        return self.day_ends if period is Period.DAY else self.month_ends


@dataclass(frozen=True, slots=True)
class Used:
    """How many questions of one format the plan has paid for, this day and this month."""

    day: int = 0
    month: int = 0


@dataclass(frozen=True, slots=True)
class Reserved:
    """There is room for the question; `gift_id` None: in the plan, else in that gift."""

    update_id: int
    kind: Format
    gift_id: int | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one format: of the allowance that ends first, and of gifts.

    `limit` None is not limited, 0 not part of the plan. `resets_at` is in UTC.
    """

    kind: Format
    used: int
    limit: int | None
    period: Period
    resets_at: datetime
    gifts: int = 0

    @property
    def remaining(self) -> int | None:
        """Return how many more may be asked now, gifts among them; None: any number."""
        return None if self.limit is None else max(self.limit - self.used, 0) + self.gifts


@dataclass(frozen=True, slots=True)
class Spent:
    """There is no room for the question; `left` says why and until when."""

    update_id: int
    left: Left


@dataclass(frozen=True, slots=True)
class Gift:
    """So many questions of a format beyond the plan's.

    `by` as in `account.audit`; `key` is one for what must be given once however often it is
    asked for ("update:17"). `expires_at` None: it stays until it is used up.
    """

    user_id: int
    kind: Format
    amount: int
    by: str
    reason: str = ""
    expires_at: datetime | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """A gift as it stands now: its number, when it was given, how much of it is used."""

    gift_id: int
    gift: Gift
    at: datetime
    used: int


class Quotas(Protocol):
    """Where uses and gifts are kept; each method is a transaction, or a part of one that runs.

    Two processes that reserve for one person at once never exceed what there is.
    """

    def reserve(
        self, user_id: int, update_id: int, kind: Format, plan: Plan, zone: tzinfo
    ) -> Reserved | Spent:
        """Take one question out of the plan or else of a gift; once for an update.

        Asked again for the same update it returns the same. What was given back, and what was
        refused, is judged anew. With UNLIMITED nothing is counted.
        """

    def charge(self, update_id: int) -> None:
        """Note that the question was answered; nothing where nothing is reserved."""

    def give_back(self, update_id: int) -> None:
        """Let a reserved question not count; nothing where nothing is reserved."""

    def left(self, user_id: int, plan: Plan, zone: tzinfo) -> Mapping[Format, Left]:
        """Return what is left of every format."""

    def give(self, gift: Gift) -> int:
        """Store a gift, note it in the audit, return its id; the one of the same key stays.

        Raises Refused when the amount is not 1 to MOST.
        """

    def gifts(self, user_id: int) -> list[Given]:
        """Return every gift the person got, newest first, the ended ones too."""


class Uses(Protocol):
    """What was reserved by one process, for all of its kind to put right."""

    def give_back_before(self, at: datetime) -> int:
        """Let questions not count that were reserved before then and never settled."""


def today(now: datetime, zone: tzinfo) -> Today:
    """Return the day and the month that `now` belongs to in `zone`."""
    here = now.astimezone(zone).date()
    next_month = (here.replace(day=1) + timedelta(days=32)).replace(day=1)
    return Today(
        day=here.isoformat(),
        month=here.isoformat()[:7],
        day_ends=datetime.combine(here + timedelta(days=1), time(), zone).astimezone(UTC),
        month_ends=datetime.combine(next_month, time(), zone).astimezone(UTC),
    )


def has_room(allowance: Allowance, used: Used) -> bool:
    """Return whether the plan has room for one more question."""
    is_over_day = allowance.day is not None and used.day >= allowance.day
    is_over_month = allowance.month is not None and used.month >= allowance.month
    return not (is_over_day or is_over_month)


def left_of(kind: Format, allowance: Allowance, used: Used, now: Today, gifts: int = 0) -> Left:
    """Return what is left of one format, told by whichever of day and month has less room.

    Where both have none, it is the month: waiting for the next day would not help.
    """
    period = _tighter(allowance, used)
    limit, count = (
        (allowance.day, used.day) if period is Period.DAY else (allowance.month, used.month)
    )
    return Left(kind, count, limit, period, now.ends(period), gifts)


def _tighter(allowance: Allowance, used: Used) -> Period:
    if allowance.month is None:
        return Period.DAY
    if allowance.day is None:
        return Period.MONTH
    of_day, of_month = allowance.day - used.day, allowance.month - used.month
    return Period.MONTH if max(of_month, 0) <= max(of_day, 0) else Period.DAY
