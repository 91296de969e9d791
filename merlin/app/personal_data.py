"""Everything that is kept of one person: shown, exported, erased.

Which table keeps what is listed in `merlin.db.personal_data`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from peewee import fn

from merlin.account.users import ERASED
from merlin.billing.tombstones import LeavingRows
from merlin.core.clock import Clock, utc_now
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.proposals import Proposals, ProposalState, example_yaml
from merlin.db.audit import person_reference
from merlin.db.database import (
    CHUNK,
    Database,
    Repository,
    Row,
    in_portions,
    lock_known_user,
    transaction,
)
from merlin.db.personal_data import TRACES, PersonalData, scrub_json, scrub_text
from merlin.db.tables import (
    CHANGE,
    COMMIT,
    EXAMPLE,
    PROPOSAL,
    SESSION,
    TAUGHT_EXAMPLE,
    TURN,
    UPDATE,
)
from merlin.db.values import decrypt, dump_json, load_json

COMMITS = "seen_commit"
_NOBODY = 0


class PersonalRecords(Repository):
    """Everything that any table keeps of a person."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        super().__init__(db, clock)
        self._proposals = Proposals(db, clock)
        self._leaving = LeavingRows(db, clock)

    def count(self, user_id: int) -> Mapping[str, int]:
        """Return how many rows of each table are the person's, tables without any left out."""
        counts = {}
        for traces in TRACES:
            column = getattr(traces.table, traces.table.row_key[0])
            query = traces.table.select(fn.COUNT(column)).where(_theirs(traces, user_id))
            if count := int(self.db.value(query)):
                counts[traces.table.__name__] = count
        return counts

    def export(self, user_id: int) -> Mapping[str, object]:
        """Return everything that is kept of the person, as plain JSON values."""
        tables = {}
        for traces in TRACES:
            table = traces.table
            order = [getattr(table, name) for name in table.row_key]
            rows = self.db.rows(table.select().where(_theirs(traces, user_id)).order_by(*order))
            tables[table.__name__] = [self._opened(traces, row) for row in rows]
        tables[COMMITS] = self.db.rows(COMMIT.select().where(_authored(user_id)))
        proposed = self._proposals.of_user(user_id)
        examples = {
            each.example_id or f"proposal-{each.proposal_id}": example_yaml(each.draft)
            for each in proposed
            if each.draft.answer
        }
        kept = {name: rows for name, rows in tables.items() if rows}
        return {"user_id": user_id, "tables": kept, "examples": examples}

    def _opened(self, traces: PersonalData, row: Row) -> Row:
        sealed = {name: row[name] for name in traces.table.sealed if row[name]}
        words = {name: decrypt(self.db.cipher, text) for name, text in sealed.items()}
        papers = {name: load_json(row[name] or None) for name in traces.papers}
        values = {name: value for name, value in row.items() if name not in traces.secrets}
        return {**values, **words, **papers}

    @transaction
    def forget(self, user_id: int, until: datetime, spared: int | None = None) -> Mapping[str, int]:
        """Remove every trace of the person; return how many rows of each table that met."""
        # The person first, then what is theirs: whoever grants something takes them in this order.
        lock_known_user(self.db, user_id)
        self._leaving.keep(user_id, until)
        # Corrections that this editor approved, and git has not got yet, wait again.
        open_ = CHANGE.commit_sha.is_null() & (CHANGE.by_whom == str(user_id))
        approved = PROPOSAL.change_id.in_(CHANGE.select(CHANGE.change_id).where(open_))
        approved &= PROPOSAL.state == ProposalState.APPROVED.value
        waits = {"state": ProposalState.WAITING.value, "example_id": "", "change_id": ""}
        self.db.change(PROPOSAL.update(waits).where(approved))
        self._proposals.withdraw(user_id)
        # Proposals of which git has nothing go; the rest is taken out by `following`.
        mine = PROPOSAL.user_id == user_id
        condition = mine & (PROPOSAL.example_id != "")
        self.db.change(PROPOSAL.update({"turn_id": 0}).where(condition))
        loose = self.db.change(PROPOSAL.delete().where(mine & (PROPOSAL.example_id == "")))
        removed = {PROPOSAL.__name__: loose} if loose else {}
        for traces in TRACES:
            count = self._erase(traces, user_id, spared) + self._clear(traces, user_id)
            if count:
                name = traces.table.__name__
                removed[name] = removed.get(name, 0) + count
        if commits := self._forget_author(user_id):
            removed[COMMITS] = commits
        return removed

    def _erase(self, traces: PersonalData, user_id: int, spared: int | None) -> int:
        """Delete the rows that are the person's own."""
        table, conditions = traces.table, [*_own(traces, user_id)]
        if not conditions:
            return 0
        these = reduce(or_, conditions)
        if table is UPDATE and spared is not None:
            these &= UPDATE.update_id != spared
        if table is TURN:
            # A chat's turns go before its sessions.
            inside = SESSION.select(SESSION.id).where(SESSION.chat_id == user_id)
            these |= TURN.session_id.in_(inside)
        return self.db.change(table.delete().where(these))

    def _clear(self, traces: PersonalData, user_id: int) -> int:
        """Take the person out of rows that are not theirs alone."""
        count = 0
        for name in traces.numbers:
            these = getattr(traces.table, name) == user_id
            emptied = {name: _NOBODY, **dict.fromkeys(traces.blanks, "")}
            count += self.db.change(traces.table.update(emptied).where(these))
        return count + sum(
            self._scrub(traces, row, user_id) for row in self._named(traces, user_id)
        )

    def _named(self, traces: PersonalData, user_id: int) -> list[Row]:
        """Return the rows that may name the person in their words."""
        names = (*traces.names, *traces.papers, *traces.nulls)
        if not names:
            return []
        found = [getattr(traces.table, name).contains(str(user_id)) for name in names]
        return self.db.rows(traces.table.select().where(reduce(or_, found)))

    def _scrub(self, traces: PersonalData, row: Row, user_id: int) -> int:
        words = {
            name: ERASED if row[name] == str(user_id) else scrub_text(row[name], user_id)
            for name in traces.names
            if row[name]
        }
        papers = {
            name: dump_json(scrub_json(load_json(row[name]), user_id))
            for name in traces.papers
            if row[name] and scrub_text(row[name], user_id) != row[name]
        }
        is_named = (null for null in traces.nulls if row[null])
        nulls = {each: None for each in is_named if scrub_text(row[each], user_id) != row[each]}
        new = {
            name: value
            for name, value in {**words, **papers, **nulls}.items()
            if value != row[name]
        }
        if not new:
            return 0
        table = traces.table
        same = [getattr(table, name) == row[name] for name in table.row_key]
        return self.db.change(table.update(new).where(*same))

    def _forget_author(self, user_id: int) -> int:
        """Take the person out of what is kept of commits; git itself keeps them."""
        rows = self.db.rows(COMMIT.select().where(_authored(user_id)))
        nobody = telegram_editor(_NOBODY, "erased")
        for row in rows:
            message = row["message"].replace(row["author_name"], nobody.name)
            values = {
                "author_name": nobody.name,
                "author_email": nobody.email,
                "message": scrub_text(message, user_id),
            }
            self.db.change(COMMIT.update(values).where(COMMIT.sha == row["sha"]))
        for shas in in_portions([row["sha"] for row in rows], CHUNK):
            for table in (EXAMPLE, TAUGHT_EXAMPLE):
                theirs = table.update({"author": nobody.name}).where(table.commit_sha.in_(shas))
                self.db.change(theirs)
        return len(rows)


def _own(traces: PersonalData, user_id: int) -> Iterator[Any]:
    """Yield the conditions of rows that are the person's own."""
    for name in traces.ids:
        yield getattr(traces.table, name) == user_id
    for name in traces.owners:
        yield getattr(traces.table, name).in_([str(user_id), person_reference(user_id)])


def _theirs(traces: PersonalData, user_id: int) -> Any:
    """Return the condition of rows that are about the person in any way that a column says."""
    named = [str(user_id), person_reference(user_id)]
    numbers = [getattr(traces.table, name) == user_id for name in traces.numbers]
    names = [getattr(traces.table, name).in_(named) for name in traces.names]
    return reduce(or_, [*_own(traces, user_id), *numbers, *names])


def _authored(user_id: int) -> Any:
    return COMMIT.author_email == telegram_editor(user_id, "").email
