"""Rows of consents, the ended ones too; fulfils `account.consent.Consents`."""

from __future__ import annotations

from typing import Any

from merlin.account.consent import Consent, ConsentKind
from merlin.core.clock import Clock, iso, utc_now
from merlin.store.account_tables import CONSENT
from merlin.store.database import Database, Row, transaction
from merlin.store.values import read_time


class ConsentRows:
    """One row an answer; at most one of a person and kind counts."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock

    @transaction
    def give(self, user_id: int, kind: ConsentKind, text_version: str) -> bool:
        """Keep a yes; one to newer words ends the one before. False when it was so already."""
        # Never those of the same words: another process may have just stored them.
        self._end(_counts(user_id, kind) & (CONSENT.text_version != text_version))
        given = self._answer(user_id, kind, text_version) | {"given_at": iso(self._clock())}
        return self.db.put(CONSENT.insert(given).on_conflict_ignore())

    @transaction
    def decline(self, user_id: int, kind: ConsentKind, text_version: str) -> None:
        """Keep a no, so that nobody is asked again; a consent that counts is left as it is."""
        if not self.has(user_id, kind):
            no = {"given_at": None, "revoked_at": iso(self._clock())}
            self.db.add(CONSENT, self._answer(user_id, kind, text_version) | no)

    def _answer(self, user_id: int, kind: ConsentKind, text_version: str) -> Row:
        return {"user_id": user_id, "kind": kind.value, "text_version": text_version}

    @transaction
    def revoke(self, user_id: int, kind: ConsentKind) -> bool:
        """End a consent; False when none counts."""
        return self._end(_counts(user_id, kind))

    def _end(self, those: Any) -> bool:
        ended = CONSENT.update({"revoked_at": iso(self._clock())})
        return self.db.change(ended.where(those)) > 0

    def has(self, user_id: int, kind: ConsentKind) -> bool:
        """Return whether a consent counts now."""
        return self.db.row(CONSENT.select(CONSENT.id).where(_counts(user_id, kind))) is not None

    def was_asked(self, user_id: int, kind: ConsentKind) -> bool:
        """Return whether the person ever said yes or no."""
        return self.db.row(CONSENT.select(CONSENT.id).where(_of(user_id, kind))) is not None

    def of(self, user_id: int) -> list[Consent]:
        """Return everything the person ever answered, oldest first."""
        answers = CONSENT.select().where(CONSENT.user_id == user_id).order_by(CONSENT.id)
        return [_consent(row) for row in self.db.rows(answers)]

    @transaction
    def forget(self, user_id: int) -> None:
        """Remove every answer of the person."""
        self.db.change(CONSENT.delete().where(CONSENT.user_id == user_id))


def _of(user_id: int, kind: ConsentKind) -> Any:
    return (CONSENT.user_id == user_id) & (CONSENT.kind == kind.value)


def _counts(user_id: int, kind: ConsentKind) -> Any:
    return _of(user_id, kind) & CONSENT.revoked_at.is_null()


def _consent(row: Row) -> Consent:
    return Consent(
        kind=ConsentKind(row["kind"]),
        text_version=row["text_version"],
        given_at=read_time(row["given_at"]),
        revoked_at=read_time(row["revoked_at"]),
    )
