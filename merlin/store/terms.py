"""Rows of plans for a time; fulfils `billing.term.Terms`."""

from __future__ import annotations

from datetime import datetime, timedelta

from merlin.account.audit import user as told_user
from merlin.billing.amount import Amount
from merlin.billing.term import Source, Term, begins, moved_up, shortened
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.store.audit import AuditRows
from merlin.store.billing_tables import TERM
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.holding import hold_user
from merlin.store.leaving import LeavingRows
from merlin.store.values import plain


class TermRows:
    """One row a term; with a cipher it is known who had a trial before they deleted everything."""

    def __init__(self, db: Database, clock: Clock = utc_now, cipher: Cipher | None = None) -> None:
        self.db = db
        self._clock = clock
        self._audit = AuditRows(db, clock)
        self._leaving = LeavingRows(db, cipher, clock) if cipher is not None else None

    @transaction
    def give(self, term: Term) -> bool:
        """Store a term from its own start; False for one whose key was given before."""
        row = {
            "user_id": term.user_id,
            "plan": term.plan,
            "starts_at": iso(term.starts_at),
            "ends_at": iso(term.ends_at),
            "source": term.source.value,
            "key": plain(term.key),
            "grant_id": term.grant_id,
            "by_whom": plain(term.by),
            "at": iso(self._clock()),
        }
        return self.db.put(TERM.insert(row).on_conflict_ignore())

    @transaction
    def add(self, user_id: int, plan: str, days: int, source: Source, key: str, by: str) -> bool:
        """Give a plan for so many days, from when the same plan ends; False as in `give`."""
        hold_user(self.db, user_id, self._clock)
        starts = begins(self.of(user_id), plan, self._clock())
        ends = starts + timedelta(days=days)
        is_new = self.give(Term(0, user_id, plan, starts, ends, source, key, None, by))
        if is_new:
            told = {"plan": plan, "days": days, "source": source.value}
            self._audit.note(by, "plan.give", told_user(user_id), told)
        return is_new

    def of(self, user_id: int) -> list[Term]:
        """Return every term of somebody, newest first."""
        rows = self.db.rows(TERM.select().where(TERM.user_id == user_id).order_by(TERM.id.desc()))
        return [_term(row) for row in rows]

    def ending(self, after: datetime, before: datetime) -> list[Term]:
        """Return the terms that end between two moments with none of the same plan behind."""
        is_then = (TERM.ends_at > iso(after)) & (TERM.ends_at <= iso(before))
        is_any = TERM.ends_at > TERM.starts_at
        rows = self.db.rows(TERM.select().where(is_then & is_any).order_by(TERM.ends_at))
        return [term for term in map(_term, rows) if not self._goes_on(term)]

    def _goes_on(self, term: Term) -> bool:
        later = (TERM.user_id == term.user_id) & (TERM.plan == term.plan)
        is_longer = TERM.ends_at > iso(term.ends_at)
        return self.db.value(TERM.select(TERM.id).where(later & is_longer)) is not None

    def had_trial(self, user_id: int, plan: str) -> bool:
        """Return whether somebody had the trial of a plan, even if they left in between."""
        this = (TERM.user_id == user_id) & (TERM.plan == plan) & (TERM.source == Source.TRIAL.value)
        if self.db.value(TERM.select(TERM.id).where(this)) is not None:
            return True
        return self._leaving is not None and self._leaving.had_trial(user_id, plan)

    def shorten(self, grant_id: int, length: timedelta, paid: Amount, rest: Amount) -> None:
        """Let a grant's term last as long as the rest of its money; later ones move up.

        To be called within a transaction.
        """
        row = self.db.row(TERM.select().where(TERM.grant_id == grant_id))
        if row is None:
            return
        before, now = _term(row), self._clock()
        after = shortened(before, length, paid, rest, now)
        for term in [after, *moved_up(self.of(before.user_id), before, after)]:
            told = {"starts_at": iso(term.starts_at), "ends_at": iso(term.ends_at)}
            self.db.change(TERM.update(told).where(TERM.id == term.term_id))


def _term(row: Row) -> Term:
    return Term(
        term_id=row["id"],
        user_id=row["user_id"],
        plan=row["plan"],
        starts_at=from_iso(row["starts_at"]),
        ends_at=from_iso(row["ends_at"]),
        source=Source(row["source"]),
        key=row["key"],
        grant_id=row["grant_id"],
        by=row["by_whom"],
    )
