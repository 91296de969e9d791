"""Terms: the periods in which people have a plan.

A term bought while the same plan still runs begins when that ends. Different plans run in parallel,
and the higher one counts (`quota.plan_of`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from peewee import fn

from merlin.core.clock import iso
from merlin.core.money import Amount
from merlin.db.audit import Audit, person_reference
from merlin.db.database import Repository, lock_user, transaction
from merlin.db.tables import TERM
from merlin.db.values import RowMap

# Of a plan that an admin gives.
MAX_DAYS = 3650
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PlanTerm:
    """A plan from `starts_at` up to `ends_at`.

    `key` identifies what is given only once: "grant:17". `grant_id` is the ledger's
    row that it was given for. `by` as in `db.audit`.
    """

    term_id: int
    user_id: int
    plan: str
    starts_at: datetime
    ends_at: datetime
    key: str
    grant_id: int | None = None
    by: str = ""

    def is_open(self, now: datetime) -> bool:
        """Return whether some of its time is left; a refunded term to come has no length."""
        return self.ends_at > max(now, self.starts_at)


def term_start(terms: Sequence[PlanTerm], plan: str, now: datetime) -> datetime:
    """Return when a new term of a plan begins: now, or when the last one of it ends."""
    return max([now, *[term.ends_at for term in terms if term.plan == plan]])


def term_end(terms: Iterable[PlanTerm], plan: str, now: datetime) -> datetime | None:
    """Return when the last term of a plan ends, None without one that goes on."""
    ends = [term.ends_at for term in terms if term.plan == plan]
    return max((end for end in ends if end > now), default=None)


def shorten(
    term: PlanTerm, length: timedelta, paid: Amount, remaining: Amount, now: datetime
) -> PlanTerm:
    """Return a term shortened in proportion to the remaining money; it ends now at the earliest.

    `length` is its length when fully paid. Without money it ends at once; a term that has not
    begun gets zero length.
    """
    # Integers: multiplying a timedelta by an amount in kopecks would overflow.
    length_ticks = length // _TICK
    paid_time = _TICK * (
        length_ticks * remaining.minor // paid.minor if paid.minor else 0
    )
    earliest_end = max(term.starts_at, min(now, term.ends_at))
    return replace(
        term, ends_at=min(term.ends_at, max(term.starts_at + paid_time, earliest_end))
    )


def move_later_terms(
    terms: Sequence[PlanTerm], before: PlanTerm, after: PlanTerm
) -> list[PlanTerm]:
    """Return the later terms of the same plan, moved earlier by the time one was shortened."""
    shortened_by = before.ends_at - after.ends_at
    later = (
        term
        for term in terms
        if term.plan == before.plan and term.term_id != before.term_id
    )
    return [
        replace(
            term,
            starts_at=term.starts_at - shortened_by,
            ends_at=term.ends_at - shortened_by,
        )
        for term in later
        if term.starts_at >= before.ends_at and shortened_by > timedelta(0)
    ]


_TERMS = RowMap(PlanTerm, columns={"term_id": "id", "by": "by_whom"})


class Terms(Repository):
    """One row for each term."""

    @transaction
    def give(self, term: PlanTerm) -> bool:
        """Store a term with its own start; False if its key was given before."""
        return self.db.add_new(TERM, _TERMS.write(term, but=("term_id",)))

    @transaction
    def add(self, user_id: int, plan: str, days: int, key: str, by: str) -> bool:
        """Give a plan for `days`, from the end of its last term; False as in `give`."""
        lock_user(self.db, user_id, self._clock)
        starts = term_start(self.list_of_user(user_id), plan, self._clock())
        ends = starts + timedelta(days=days)
        is_new = self.give(PlanTerm(0, user_id, plan, starts, ends, key, None, by))
        if is_new:
            values = {"plan": plan, "days": days}
            Audit(self.db, self._clock).note(
                by, "plan.give", person_reference(user_id), values
            )
        return is_new

    def list_of_user(self, user_id: int) -> list[PlanTerm]:
        """Return all terms of a person, newest first."""
        query = TERM.select().where(TERM.user_id == user_id).order_by(TERM.id.desc())
        return _TERMS.read_all(self.db, query)

    def list_ending(self, after: datetime, before: datetime) -> list[PlanTerm]:
        """Return the terms that end in this period, without a later term of the same plan."""
        is_in_period = (TERM.ends_at > iso(after)) & (TERM.ends_at <= iso(before))
        has_length = TERM.ends_at > TERM.starts_at
        other = TERM.alias("other")
        is_later = (other.user_id == TERM.user_id) & (other.plan == TERM.plan)
        later = other.select(other.id).where(is_later & (other.ends_at > TERM.ends_at))
        query = TERM.select().where(is_in_period & has_length & ~fn.EXISTS(later))
        return _TERMS.read_all(self.db, query.order_by(TERM.ends_at))

    def shorten(
        self, grant_id: int, length: timedelta, paid: Amount, remaining: Amount
    ) -> None:
        """Shorten a grant's term in proportion to the remaining money; later ones move earlier.

        Call it within a transaction.
        """
        row = self.db.row(TERM.select().where(TERM.grant_id == grant_id))
        if row is None:
            return
        current = _TERMS.read(row)
        now = self._clock()
        shortened = shorten(current, length, paid, remaining, now)
        later = move_later_terms(self.list_of_user(current.user_id), current, shortened)
        for term in [shortened, *later]:
            values = {"starts_at": iso(term.starts_at), "ends_at": iso(term.ends_at)}
            self.db.update(TERM, TERM.id == term.term_id, **values)
