"""Plans for a time, and how they are renewed.

Renewal: a plan that is paid again when it ends, for as long as its owner wants that.

Telegram renews what is paid in Stars by itself, until the bot tells it to stop. With a saved
method the api asks for the payment a day before the plan ends, and again a day later, three times
at most; three days before, the person is told and can say no.

Term: for how long somebody has a plan, and since when; as pure functions and where it is kept.

What is bought while the same plan still runs begins when that ends. Different plans run beside
each other, and the higher one counts (`plan.plan_of`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from merlin.billing.purchases import Till
from merlin.core.money import Amount

REMIND_BEFORE = timedelta(days=3)
PAY_BEFORE = timedelta(days=1)
AGAIN_AFTER = timedelta(days=1)
MOST_TRIES = 3


class RenewalState(StrEnum):
    """Whether a plan is renewed; FAILED: nothing could be paid any more.

    STOPPING: its owner said no, and Telegram, which renews what is paid in Stars, has not heard it.
    """

    ON = "on"
    STOPPING = "stopping"
    OFF = "off"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Renewal:
    """One plan of one person that renews itself.

    `method` is the saved method's id, or the first payment's in Stars; `method_title` what its
    owner calls it. `next_at` is when it is paid next; `consented_at` when the person agreed.
    """

    renewal_id: int
    user_id: int
    plan: str
    till: Till
    method: str
    state: RenewalState
    consented_at: datetime
    next_at: datetime
    tries: int = 0
    method_title: str = ""
    contact: str = ""


class Renewals(Protocol):
    """Where renewals are kept; each method is a transaction, or a part of one that runs."""

    def begin(self, renewal: Renewal) -> int:
        """Store a renewal and return its id; the one of the same person and plan is replaced."""

    def of(self, user_id: int) -> list[Renewal]:
        """Return somebody's renewals, those that are on first."""

    def stop(self, renewal_id: int, user_id: int, state: RenewalState = RenewalState.OFF) -> bool:
        """End somebody's renewal; False for one that is not on, or not theirs.

        One in Stars is STOPPING until `stopped`: the bot has to tell Telegram.
        """

    def stopping(self, limit: int = 20) -> list[Renewal]:
        """Return the renewals of which Telegram has to hear that they end."""

    def stopped(self, renewal_id: int) -> bool:
        """Note that Telegram has heard it; False where it was known."""

    def due(self, now: datetime, limit: int = 20) -> list[Renewal]:
        """Return the renewals of saved methods to pay now; each is put off by AGAIN_AFTER."""

    def paid(self, renewal_id: int, next_at: datetime) -> None:
        """Note that it was paid, and when it is next."""

    def to_remind(self, now: datetime, limit: int = 20) -> list[Renewal]:
        """Return the renewals whose owners are to be told now; each once a payment."""


_TICK = timedelta(microseconds=1)


class Source(StrEnum):
    """Why somebody has a plan; the values are what is stored."""

    GRANT = "grant"
    TRIAL = "trial"
    PROMO = "promo"
    GIFT = "gift"


@dataclass(frozen=True, slots=True)
class Term:
    """One plan from `starts_at` up to `ends_at`.

    `key` is one for what must be given once: "grant:17", "trial:plus". `grant_id` is the ledger's
    row that it was given for. `by` as in `account.audit`.
    """

    term_id: int
    user_id: int
    plan: str
    starts_at: datetime
    ends_at: datetime
    source: Source
    key: str
    grant_id: int | None = None
    by: str = ""

    def runs(self, now: datetime) -> bool:
        """Return whether it counts now."""
        return self.starts_at <= now < self.ends_at


class Terms(Protocol):
    """Where terms are kept; each method is a transaction, or a part of one that runs."""

    def give(self, term: Term) -> bool:
        """Store a term from its own start; False for one whose key was given before."""

    def add(self, user_id: int, plan: str, days: int, source: Source, key: str, by: str) -> bool:
        """Give a plan for so many days, from when the same plan ends; False as in `give`."""

    def of(self, user_id: int) -> list[Term]:
        """Return every term of somebody, newest first."""

    def ending(self, after: datetime, before: datetime) -> list[Term]:
        """Return the terms that end between two moments with none of the same plan behind."""

    def had_trial(self, user_id: int, plan: str) -> bool:
        """Return whether somebody had the trial of a plan, even if they left in between."""


def begins(terms: Sequence[Term], plan: str, now: datetime) -> datetime:
    """Return when a new term of a plan begins: now, or where the last one of it ends."""
    ends = [each.ends_at for each in terms if each.plan == plan]
    return max([now, *ends])


def shortened(of: Term, length: timedelta, paid: Amount, rest: Amount, now: datetime) -> Term:
    """Return a term as long as the rest of its money lasts; never before now, never longer.

    `length` is how long it was when all of it was paid. With nothing left it ends at once; one
    that has not begun has no time at all.
    """
    # Whole numbers: a timedelta times a sum of kopecks is more days than one can hold.
    whole = length // _TICK
    kept = _TICK * (whole * rest.minor // paid.minor if paid.minor else 0)
    floor = max(of.starts_at, min(now, of.ends_at))
    return replace(of, ends_at=min(of.ends_at, max(of.starts_at + kept, floor)))


def moved_up(terms: Sequence[Term], before: Term, after: Term) -> list[Term]:
    """Return the later terms of the same plan, moved up by what one was shortened."""
    by = before.ends_at - after.ends_at
    later = (each for each in terms if each.plan == before.plan and each.term_id != before.term_id)
    return [
        replace(each, starts_at=each.starts_at - by, ends_at=each.ends_at - by)
        for each in later
        if each.starts_at >= before.ends_at and by > timedelta(0)
    ]
