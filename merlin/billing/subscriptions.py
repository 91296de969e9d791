"""Plans for a time, and how they are renewed.

Renewal: a plan that is paid again when it ends, for as long as its owner wants that. Telegram
renews what is paid in Stars by itself, until the bot tells it to stop. With a saved method the api
asks for the payment a day before the plan ends, and again a day later, three times at most; three
days before, the person is told and can say no.

Term: for how long somebody has a plan, and since when. What is bought while the same plan still
runs begins when that ends. Different plans run beside each other, and the higher one counts
(`plan.plan_of`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from merlin.billing.quota import Source
from merlin.billing.tombstones import LeavingRows
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.money import Amount
from merlin.db.audit import Audit, person_reference
from merlin.db.database import Database, Repository, Row, lock_user, transaction
from merlin.db.tables import RENEWAL, TERM
from merlin.db.values import RowMap
from merlin.providers.payments import Gateway

REMIND_BEFORE = timedelta(days=3)
PAY_BEFORE = timedelta(days=1)
AGAIN_AFTER = timedelta(days=1)
MAX_ATTEMPTS = 3
_TICK = timedelta(microseconds=1)


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
    gateway: Gateway
    method: str
    state: RenewalState
    consented_at: datetime
    next_at: datetime
    tries: int = 0
    method_title: str = ""
    contact: str = ""


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


def term_start(terms: Sequence[Term], plan: str, now: datetime) -> datetime:
    """Return when a new term of a plan begins: now, or where the last one of it ends."""
    return max([now, *[term.ends_at for term in terms if term.plan == plan]])


def shorten(of: Term, length: timedelta, paid: Amount, rest: Amount, now: datetime) -> Term:
    """Return a term as long as the rest of its money lasts; never before now, never longer.

    `length` is how long it was when all of it was paid. With nothing left it ends at once; one
    that has not begun has no time at all.
    """
    # Whole numbers: a timedelta times a sum of kopecks is more days than one can hold.
    whole = length // _TICK
    kept = _TICK * (whole * rest.minor // paid.minor if paid.minor else 0)
    floor = max(of.starts_at, min(now, of.ends_at))
    return replace(of, ends_at=min(of.ends_at, max(of.starts_at + kept, floor)))


def bring_forward(terms: Sequence[Term], before: Term, after: Term) -> list[Term]:
    """Return the later terms of the same plan, moved up by what one was shortened."""
    by = before.ends_at - after.ends_at
    later = (term for term in terms if term.plan == before.plan and term.term_id != before.term_id)
    return [
        replace(each, starts_at=each.starts_at - by, ends_at=each.ends_at - by)
        for each in later
        if each.starts_at >= before.ends_at and by > timedelta(0)
    ]


_RENEWALS = RowMap(Renewal, columns={"renewal_id": "id", "gateway": "till"}, sealed=RENEWAL.sealed)
_TERMS = RowMap(Term, columns={"term_id": "id", "by": "by_whom"})
_IS_ON = RENEWAL.state == RenewalState.ON.value


class Renewals(Repository):
    """One row a person and plan; the method and where receipts go are sealed."""

    @transaction
    def begin(self, renewal: Renewal) -> int:
        """Store a renewal and return its id; the one of the same person and plan is replaced."""
        row = _RENEWALS.write(renewal, self.db, but=("renewal_id", "user_id", "plan"))
        row["reminded_for"] = ""
        self.db.upsert(RENEWAL, {"user_id": renewal.user_id, "plan": renewal.plan}, row)
        condition = (RENEWAL.user_id == renewal.user_id) & (RENEWAL.plan == renewal.plan)
        return int(self.db.value(RENEWAL.select(RENEWAL.id).where(condition)))

    def of(self, user_id: int) -> list[Renewal]:
        """Return somebody's renewals, those that are on first."""
        query = RENEWAL.select().where(RENEWAL.user_id == user_id).order_by(RENEWAL.id)
        found = _RENEWALS.read_all(self.db.rows(query), self.db)
        return sorted(found, key=lambda each: each.state is not RenewalState.ON)

    def find(self, user_id: int, renewal_id: int | None) -> Renewal | None:
        """Return one of somebody's renewals, None for another's as for none."""
        return next((each for each in self.of(user_id) if each.renewal_id == renewal_id), None)

    @transaction
    def stop(self, renewal_id: int, user_id: int, state: RenewalState = RenewalState.OFF) -> bool:
        """End somebody's renewal; False for one that is not on, or not theirs.

        One in Stars is STOPPING until `stopped`: the bot has to tell Telegram.
        """
        condition = (RENEWAL.id == renewal_id) & (RENEWAL.user_id == user_id) & _IS_ON
        by_bot = condition & (RENEWAL.till == Gateway.STARS.value)
        if self.db.change(RENEWAL.update({"state": RenewalState.STOPPING.value}).where(by_bot)):
            self.db.bump()
            return True
        return self.db.change(RENEWAL.update({"state": state.value}).where(condition)) > 0

    def stopping(self, gateway: Gateway, limit: int = 20) -> list[Renewal]:
        """Return the renewals of which a gateway has to hear that they end."""
        is_asked = RENEWAL.state == RenewalState.STOPPING.value
        is_asked &= RENEWAL.till == gateway.value
        rows = self.db.rows(RENEWAL.select().where(is_asked).order_by(RENEWAL.id).limit(limit))
        return _RENEWALS.read_all(rows, self.db)

    @transaction
    def stopped(self, renewal_id: int) -> bool:
        """Note that Telegram has heard it; False where it was known."""
        condition = (RENEWAL.id == renewal_id) & (RENEWAL.state == RenewalState.STOPPING.value)
        return (
            self.db.change(RENEWAL.update({"state": RenewalState.OFF.value}).where(condition)) > 0
        )

    @transaction
    def due(self, now: datetime, limit: int = 20) -> list[Renewal]:
        """Return the renewals of saved methods to pay now; each is put off by AGAIN_AFTER."""
        is_due = _IS_ON & (RENEWAL.till == Gateway.YOOKASSA.value)
        is_due &= (RENEWAL.next_at <= iso(now + PAY_BEFORE)) & (RENEWAL.tries < MAX_ATTEMPTS)
        query = RENEWAL.select().where(is_due).order_by(RENEWAL.next_at, RENEWAL.id)
        rows = self.db.rows(query.limit(limit))
        return [_RENEWALS.read(row, self.db) for row in rows if self._is_mine(row, now)]

    def _is_mine(self, row: Row, now: datetime) -> bool:
        # After a long sleep too a day lies between two tries.
        next_at = max(from_iso(row["next_at"]), now + PAY_BEFORE) + AGAIN_AFTER
        condition = (RENEWAL.id == row["id"]) & (RENEWAL.tries == row["tries"]) & _IS_ON
        values = {"tries": row["tries"] + 1, "next_at": iso(next_at)}
        return self.db.change(RENEWAL.update(values).where(condition)) > 0

    @transaction
    def paid(self, renewal_id: int, next_at: datetime) -> None:
        """Note that it was paid, and when it is next."""
        values = {"next_at": iso(next_at), "tries": 0}
        self.db.change(RENEWAL.update(values).where(RENEWAL.id == renewal_id))

    @transaction
    def to_remind(self, now: datetime, limit: int = 20) -> list[Renewal]:
        """Return the renewals whose owners are to be told now; each once a payment."""
        is_near = _IS_ON & (RENEWAL.next_at <= iso(now + REMIND_BEFORE)) & (RENEWAL.tries == 0)
        is_near &= RENEWAL.next_at > iso(now)
        is_near &= RENEWAL.reminded_for != RENEWAL.next_at
        rows = self.db.rows(RENEWAL.select().where(is_near).order_by(RENEWAL.id).limit(limit))
        untold = []
        for row in rows:
            # Unless another process reminds them.
            condition = (RENEWAL.id == row["id"]) & (RENEWAL.reminded_for == row["reminded_for"])
            if self.db.change(RENEWAL.update({"reminded_for": row["next_at"]}).where(condition)):
                untold.append(_RENEWALS.read(row, self.db))
        return untold


class Terms(Repository):
    """One row a term; with a cipher it is known who had a trial before they deleted everything."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        super().__init__(db, clock)
        self._audit = Audit(db, clock)
        self._leaving = LeavingRows(db, clock)

    @transaction
    def give(self, term: Term) -> bool:
        """Store a term from its own start; False for one whose key was given before."""
        row = {**_TERMS.write(term, but=("term_id",)), "at": iso(self._clock())}
        return self.db.add_new(TERM, row)

    @transaction
    def add(self, user_id: int, plan: str, days: int, source: Source, key: str, by: str) -> bool:
        """Give a plan for so many days, from when the same plan ends; False as in `give`."""
        lock_user(self.db, user_id, self._clock)
        starts = term_start(self.of(user_id), plan, self._clock())
        ends = starts + timedelta(days=days)
        is_new = self.give(Term(0, user_id, plan, starts, ends, source, key, None, by))
        if is_new:
            values = {"plan": plan, "days": days, "source": source.value}
            self._audit.note(by, "plan.give", person_reference(user_id), values)
        return is_new

    def of(self, user_id: int) -> list[Term]:
        """Return every term of somebody, newest first."""
        rows = self.db.rows(TERM.select().where(TERM.user_id == user_id).order_by(TERM.id.desc()))
        return _TERMS.read_all(rows)

    def ending(self, after: datetime, before: datetime) -> list[Term]:
        """Return the terms that end between two moments with none of the same plan behind."""
        is_then = (TERM.ends_at > iso(after)) & (TERM.ends_at <= iso(before))
        is_any = TERM.ends_at > TERM.starts_at
        rows = self.db.rows(TERM.select().where(is_then & is_any).order_by(TERM.ends_at))
        return [term for term in map(_TERMS.read, rows) if not self._goes_on(term)]

    def _goes_on(self, term: Term) -> bool:
        later = (TERM.user_id == term.user_id) & (TERM.plan == term.plan)
        is_longer = TERM.ends_at > iso(term.ends_at)
        return self.db.value(TERM.select(TERM.id).where(later & is_longer)) is not None

    def had_trial(self, user_id: int, plan: str) -> bool:
        """Return whether somebody had the trial of a plan, even if they left in between."""
        condition = (
            (TERM.user_id == user_id) & (TERM.plan == plan) & (TERM.source == Source.TRIAL.value)
        )
        has_row = self.db.value(TERM.select(TERM.id).where(condition)) is not None
        return has_row or self._leaving.had(user_id, Source.TRIAL, plan)

    def shorten(self, grant_id: int, length: timedelta, paid: Amount, rest: Amount) -> None:
        """Let a grant's term last as long as the rest of its money; later ones move up.

        To be called within a transaction.
        """
        row = self.db.row(TERM.select().where(TERM.grant_id == grant_id))
        if row is None:
            return
        before, now = _TERMS.read(row), self._clock()
        after = shorten(before, length, paid, rest, now)
        for term in [after, *bring_forward(self.of(before.user_id), before, after)]:
            values = {"starts_at": iso(term.starts_at), "ends_at": iso(term.ends_at)}
            self.db.change(TERM.update(values).where(TERM.id == term.term_id))
