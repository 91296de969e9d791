"""Personal data: what each table holds of a user, as used to count, export and erase it.

A test lists the tables without personal data too, and compares both lists with the schema.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add, and_, or_
from typing import Any

from peewee import SQL, Value, fn

from merlin.account.users import ERASED
from merlin.billing.erased_people import ErasedPeople
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.proposals import REOPENED, Proposals, ProposalState, example_yaml
from merlin.db import tables as t
from merlin.db.audit import person_reference
from merlin.db.database import (
    CHUNK,
    Columns,
    Repository,
    Row,
    in_portions,
    lock_user,
    transaction,
)
from merlin.db.tables import (
    CHANGE,
    COMMIT,
    PROPOSAL,
    SESSION,
    TAUGHT_EXAMPLE,
    TELEGRAM_UPDATE,
    TURN,
    Table,
)
from merlin.db.values import decrypt, dump_json, load_json
from merlin.training.promote import Promotions


def scrub_text(text: str, user_id: int) -> str:
    """Return the text with the person's id replaced by a placeholder."""
    named = re.sub(
        rf"(?<!\w){re.escape(person_reference(user_id))}(?!\d)", ERASED, text
    )
    return re.sub(rf"(?<!\d){user_id}(?!\d)", ERASED.removeprefix("user:"), named)


def scrub_json(value: Any, user_id: int) -> Any:
    """Return a JSON value without the person's id: a number becomes 0, texts are scrubbed."""
    if isinstance(value, Mapping):
        values = {scrub_text(key, user_id): each for key, each in value.items()}
        return {key: scrub_json(each, user_id) for key, each in values.items()}
    if isinstance(value, list):
        return [scrub_json(each, user_id) for each in value]
    if isinstance(value, str):
        return scrub_text(value, user_id)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return 0 if is_number and value == user_id else value


@dataclass(frozen=True, slots=True)
class PersonalData:
    """The personal data in one table.

    Rows are deleted if a column in `ids` contains the person's id or one in `owners` refers to
    them. Other rows stay: ids in `numbers` become 0; references in `names`, and within the JSON in
    `documents`, become "user:erased"; `blanks` are emptied together with `numbers`, `nulls` become
    NULL. `secrets` are deleted like other columns, but never exported.
    """

    table: Table
    ids: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    blanks: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    nulls: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


# In the order in which rows can be deleted: referring rows first.
TRACES: tuple[PersonalData, ...] = (
    PersonalData(t.RATING, ids=("user_id",)),
    PersonalData(t.TURN, ids=("user_id",)),
    PersonalData(
        t.SESSION, ids=("chat_id",), numbers=("user_id",), blanks=("title", "system")
    ),
    PersonalData(t.TELEGRAM_UPDATE, ids=("user_id", "chat_id")),
    PersonalData(t.LEASE, ids=("chat_id",)),
    PersonalData(t.OUTGOING, ids=("chat_id",)),
    PersonalData(t.DIALOG, ids=("user_id", "chat_id")),
    PersonalData(t.GROUP_CHAT, ids=("chat_id",)),
    PersonalData(t.WAITING_REQUEST, ids=("chat_id",)),
    PersonalData(t.CONSENT, ids=("user_id",)),
    PersonalData(t.FAVOURITE, ids=("user_id",)),
    PersonalData(t.SIGN_IN, ids=("user_id",), secrets=("token_hash", "source")),
    PersonalData(t.LOGIN_CODE, ids=("user_id",), secrets=("code_hash", "browser_hash")),
    PersonalData(t.API_KEY, ids=("user_id",), secrets=("key_hash",)),
    PersonalData(t.ACCOUNT, ids=("user_id",), secrets=("password",)),
    PersonalData(t.QUOTA_USE, ids=("user_id",)),
    PersonalData(t.QUESTION_PACK, ids=("user_id",)),
    PersonalData(t.TERM, ids=("user_id",), names=("by_whom",)),
    # Payments stay for the accounts, without the person.
    PersonalData(t.REFUND, names=("by_whom", "reason")),
    PersonalData(
        t.PURCHASE, numbers=("user_id",), blanks=("contact", "pay_url", "reason")
    ),
    PersonalData(t.ROLE_GRANT, ids=("user_id",)),
    PersonalData(t.CHANGE, owners=("by_whom",), documents=("arguments",)),
    PersonalData(t.PROPOSAL_EDITOR, ids=("user_id",)),
    PersonalData(t.WORDING, ids=("user_id",), secrets=("mark",)),
    # Examples in git stay, without the person, until the daemon has removed them.
    PersonalData(
        t.PROPOSAL,
        numbers=("user_id",),
        blanks=(
            "question",
            "answer",
            "rejected",
            "before_question",
            "before_answer",
            "known_answer",
            "reason",
        ),
    ),
    PersonalData(
        t.NOTICE, owners=("to_whom",), documents=("arguments",), nulls=("once",)
    ),
    PersonalData(t.REQUEST, names=("by_whom",), documents=("arguments", "result")),
    PersonalData(t.AUDIT, names=("by_whom", "target"), documents=("arguments",)),
    PersonalData(t.PROMOTION, names=("by_whom", "why")),
    PersonalData(t.PERSON, ids=("user_id",)),
)

# These name the authors of commits; they are removed by e-mail address.
AUTHORS: tuple[Table, ...] = (t.COMMIT, t.TAUGHT_EXAMPLE)

COMMITS = "seen_commit"
_NOBODY = 0


class PersonalRecords(Repository):
    """The rows of all tables that refer to a user."""

    def count(self, user_id: int) -> Mapping[str, int]:
        """Return the number of rows that `forget` deletes by table, without tables that have none.

        Rows that stay without the user, such as payments, are not counted.
        """
        queries = []
        for traces in TRACES:
            table = traces.table
            conditions = [*_list_own_conditions(traces, user_id)]
            # Those accepted as examples are deleted with these, by a commit.
            if table is PROPOSAL:
                conditions.append(PROPOSAL.user_id == user_id)
            if conditions:
                number = table.select(SQL(f"'{table.__name__}'"), fn.COUNT(SQL("*")))
                queries.append(number.where(reduce(or_, conditions)))
        return {
            name: count for name, count in self.db.rows(reduce(add, queries)) if count
        }

    def export(self, user_id: int) -> Mapping[str, object]:
        """Return all stored data of the user as plain JSON values."""
        tables = {}
        for traces in TRACES:
            table = traces.table
            order = [getattr(table, name) for name in table.row_key]
            references = [str(user_id), person_reference(user_id)]
            conditions = [
                *_list_own_conditions(traces, user_id),
                *(getattr(table, name) == user_id for name in traces.numbers),
                *(getattr(table, name).in_(references) for name in traces.names),
            ]
            query = table.select().where(reduce(or_, conditions)).order_by(*order)
            rows = self.db.rows(query)
            tables[table.__name__] = [self._decrypt_row(traces, row) for row in rows]
        own = self.db.rows(COMMIT.select().where(_by_author(user_id)))
        tables[COMMITS] = [row._asdict() for row in own]
        proposals = Proposals(self.db, self._clock).of_user(user_id)
        examples = {
            proposal.example_ids or f"proposal-{proposal.proposal_id}": example_yaml(
                proposal.draft
            )
            for proposal in proposals
            if proposal.draft.answer
        }
        present = {name: rows for name, rows in tables.items() if rows}
        return {"user_id": user_id, "tables": present, "examples": examples}

    def _decrypt_row(self, traces: PersonalData, row: Row) -> Columns:
        columns = row._asdict()
        for name in traces.table.sealed:
            if columns[name]:
                columns[name] = decrypt(self.db.cipher, columns[name])
        for name in traces.documents:
            columns[name] = load_json(columns[name] or None)
        for name in traces.secrets:
            columns.pop(name, None)
        return columns

    @transaction
    def forget(self, user_id: int, kept_update: int | None = None) -> Mapping[str, int]:
        """Delete or anonymize all data of the user; return what `count` returned before.

        The bot's update `kept_update` is kept.
        """
        # Lock the user before the rows, in the order of those who grant something: no deadlock.
        lock_user(self.db, user_id)
        counts = self.count(user_id)
        ErasedPeople(self.db, self._clock).store(user_id)
        # Corrections that this editor approved, and that are not committed yet, wait again.
        is_uncommitted = CHANGE.commit_sha.is_null() & (CHANGE.by_whom == str(user_id))
        condition = PROPOSAL.change_id.in_(
            CHANGE.select(CHANGE.change_id).where(is_uncommitted)
        )
        condition &= PROPOSAL.state == ProposalState.APPROVED.value
        self.db.update(PROPOSAL, condition, **REOPENED)
        Promotions(self.db, self._clock).withdraw_examples(user_id)
        # The names of an account are in the entries of its changes.
        is_named = (t.AUDIT.action == "account.name") & (
            t.AUDIT.target == person_reference(user_id)
        )
        self.db.update(t.AUDIT, is_named, arguments=dump_json({}))
        # Delete proposals without a commit; `following` removes the others from git.
        is_own = PROPOSAL.user_id == user_id
        self.db.update(PROPOSAL, is_own & (PROPOSAL.example_ids != ""), turn_id=0)
        self.db.delete(PROPOSAL, is_own & (PROPOSAL.example_ids == ""))
        for traces in TRACES:
            self._delete_own(traces, user_id, kept_update)
            for name in traces.numbers:
                condition = getattr(traces.table, name) == user_id
                nobody = {name: _NOBODY, **dict.fromkeys(traces.blanks, "")}
                self.db.update(traces.table, condition, **nobody)
            for row in self._rows_with_mentions(traces, user_id):
                self._scrub(traces, row, user_id)
        self._anonymize_commits(user_id)
        return counts

    def _delete_own(
        self, traces: PersonalData, user_id: int, kept_update: int | None
    ) -> None:
        """Delete the rows that belong to the user."""
        table = traces.table
        conditions = [*_list_own_conditions(traces, user_id)]
        if not conditions:
            return
        condition = reduce(or_, conditions)
        if table is TELEGRAM_UPDATE and kept_update is not None:
            condition &= TELEGRAM_UPDATE.update_id != kept_update
        if table is TURN:
            # The turns of a chat are deleted before its sessions.
            sessions = SESSION.select(SESSION.id).where(SESSION.chat_id == user_id)
            condition |= TURN.session_id.in_(sessions)
            # What models answered to these questions (`merlin.training.evaluation_questions`).
            keys = TURN.select(Value("asked:").concat(TURN.id.cast("TEXT"))).where(
                condition
            )
            self.db.delete(t.PROOF_ANSWER, t.PROOF_ANSWER.example_id.in_(keys))
            self.db.delete(t.BASELINE_ANSWER, t.BASELINE_ANSWER.question.in_(keys))
        self.db.delete(table, condition)

    def _rows_with_mentions(self, traces: PersonalData, user_id: int) -> list[Row]:
        """Return the rows whose texts may mention the user."""
        columns = (*traces.names, *traces.documents, *traces.nulls)
        if not columns:
            return []
        conditions = [
            getattr(traces.table, name).contains(str(user_id)) for name in columns
        ]
        return self.db.rows(traces.table.select().where(reduce(or_, conditions)))

    def _scrub(self, traces: PersonalData, row: Row, user_id: int) -> None:
        changed = Columns()
        for name in (*traces.names, *traces.documents, *traces.nulls):
            before = getattr(row, name)
            if not before or scrub_text(before, user_id) == before:
                continue
            if name in traces.names:
                is_all = before == str(user_id)
                changed[name] = ERASED if is_all else scrub_text(before, user_id)
            elif name in traces.documents:
                changed[name] = dump_json(scrub_json(load_json(before), user_id))
            else:
                changed[name] = None
        if changed:
            key = [
                getattr(traces.table, name) == getattr(row, name)
                for name in traces.table.row_key
            ]
            self.db.update(traces.table, reduce(and_, key), **changed)

    def _anonymize_commits(self, user_id: int) -> None:
        """Anonymize the stored copies of the user's commits; git itself keeps them."""
        rows = self.db.rows(COMMIT.select().where(_by_author(user_id)))
        nobody = telegram_editor(_NOBODY, "erased")
        for row in rows:
            message = row.message.replace(row.author_name, nobody.name)
            values = {
                "author_name": nobody.name,
                "author_email": nobody.email,
                "message": scrub_text(message, user_id),
            }
            self.db.update(COMMIT, COMMIT.sha == row.sha, **values)
        for shas in in_portions([row.sha for row in rows], CHUNK):
            taught = TAUGHT_EXAMPLE.commit_sha.in_(shas)
            self.db.update(TAUGHT_EXAMPLE, taught, author=nobody.name)


def _list_own_conditions(traces: PersonalData, user_id: int) -> Iterator[Any]:
    """Yield the conditions of the rows that belong to the user."""
    for name in traces.ids:
        yield getattr(traces.table, name) == user_id
    for name in traces.owners:
        yield getattr(traces.table, name).in_([str(user_id), person_reference(user_id)])


def _by_author(user_id: int) -> Any:
    return COMMIT.author_email == telegram_editor(user_id, "").email
