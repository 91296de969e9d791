"""The tables, bound to no database; the SQL of `merlin.db.migrations` says their columns."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import peewee


class Table(peewee.Table):
    """A table whose columns are its attributes."""

    if TYPE_CHECKING:

        def __getattr__(self, column: str) -> Any: ...

        def alias(self, name: str) -> Table: ...

        # Its primary key and its encrypted columns.
        row_key: tuple[str, ...]
        sealed: tuple[str, ...]

    def update(self, update: Any = None, **values: object) -> peewee.Update:
        """Return an UPDATE; keys may be column names, as in an INSERT."""
        named = {**(update or {}), **values}
        return super().update(
            {
                getattr(self, key) if isinstance(key, str) else key: named[key]
                for key in named
            }
        )

    def every(self) -> list[Any]:
        """Return all columns in the order of the schema."""
        return [getattr(self, name) for name in self._columns]


_MIGRATIONS = Path(__file__).parent / "migrations"
_STATEMENT = re.compile(
    r"^(?:CREATE TABLE (?P<new>\w+) (?P<columns>\(.*?\))"
    r"|ALTER TABLE (?P<old>\w+) (?:ADD COLUMN (?P<added>.*?)|RENAME TO (?P<name>\w+)));$",
    re.DOTALL | re.MULTILINE,
)
# A column and its type, which is written in capitals; a key is of one column or of several.
_COLUMN = re.compile(r"[(,]\s*([a-z_]+) [A-Z]")
_KEY = re.compile(r"PRIMARY KEY \((.*?)\)|([a-z_]+) (?:\w+ PRIMARY KEY|NUMBERED)")


def read_schema(sql: str) -> dict[str, str]:
    """Return table -> its columns and keys in SQL, as these statements leave it."""
    schema = dict[str, str]()
    for new, columns, old, added, name in _STATEMENT.findall(sql):
        if name:
            # At the place of the old one, before the tables that refer to it.
            schema = {name if each == old else each: schema[each] for each in schema}
        else:
            schema[new or old] = columns or f"{schema[old]}, {added}"
    return schema


def find_columns(created: str) -> list[str]:
    """Return the names of a table's columns, of what `read_schema` gives for it."""
    return _COLUMN.findall(created)


_SCHEMA = read_schema(
    "".join(file.read_text("utf-8") for file in sorted(_MIGRATIONS.glob("*.sql")))
)


def _table(name: str, *, sealed: str = "") -> Table:
    """Return a table; `sealed` are its encrypted columns."""
    columns = find_columns(_SCHEMA[name])
    table = Table(name, columns, primary_key="id" if columns[0] == "id" else None)
    ((several, one),) = _KEY.findall(_SCHEMA[name])
    table.row_key = tuple((several or one).split(", "))
    table.sealed = tuple(sealed.split())
    return table


MIGRATION = _table("migration")
CHANGE_COUNTER = _table("change_counter")
# Its rows: the changes that processes wait for, the number of the newest change of the catalogue,
# and whether every dataset of the branch's head was read into it (1 or 0).
CHANGES = 1
CATALOGUE_VERSION = 2
CATALOGUE_WHOLE = 3
INTENT = _table("intent")
REQUEST = _table("request")
NOTICE = _table("notice")
HEARTBEAT = _table("heartbeat")

COMMIT = _table("seen_commit")
VERDICT = _table("verdict")
FINDING = _table("finding")
BUILD = _table("build")
EXAMPLE_TEXT = _table("example_text")
TAUGHT_EXAMPLE = _table("taught_example")

JOB = _table("job")
JOB_EVENT = _table("job_event")

# The last five are the scores of its evaluation, NULL before it.
MODEL = _table("model")
PROOF_ANSWER = _table("proof_answer")
BASELINE_ANSWER = _table("baseline_answer")
# Test questions that a newer model may answer worse than the previous one: an editor accepted it.
ACCEPTED_LOSS = _table("accepted_loss")
JUDGEMENT = _table("judgement")
SERVING = _table("serving")
PROMOTION = _table("promotion")

PERSON = _table("person", sealed="shown_name")
ROLE_GRANT = _table("role_grant")
AUDIT = _table("audit")
CONSENT = _table("consent")
QUOTA_USE = _table("quota_use")
QUESTION_PACK = _table("question_pack")

WAITING_REQUEST = _table("waiting_request")

PURCHASE = _table("purchase", sealed="contact")
LEDGER = _table("ledger")
TERM = _table("plan_term")
REFUND = _table("refund")
SUBSCRIPTION = _table("subscription")
# The cost of a day's answers, kept while it is limited.
ANSWER_COST = _table("answer_cost")

CHANGE = _table("change", sealed="text")
DATASET_TREE = _table("dataset_tree")
DATASET_FILE = _table("dataset_file")
DATASET_TEXT = _table("dataset_text")
# What is searched; the number increases with each change of a file.
SEARCH_ENTRY = _table("search_entry")

TELEGRAM_UPDATE = _table("telegram_update", sealed="body")
LEASE = _table("chat_lease")
OUTGOING = _table("outgoing", sealed="body")
SESSION = _table("chat_session", sealed="title system")
TURN = _table("turn", sealed="question answer note asker nearest")
DIALOG = _table("dialog", sealed="said")
WINDOW = _table("model_window")
SETTING = _table("setting")

# `lecture`, `seminar` and `lab` are its numbers of materials of each kind.
COURSE = _table("course")
# A material that was removed from course.yaml has no place.
MATERIAL = _table("material")
GROUP_CHAT = _table("group_chat")

RATING = _table("rating")
PROPOSAL = _table(
    "proposal",
    sealed="question answer rejected before_question before_answer known_answer reason",
)
PROPOSAL_EDITOR = _table("proposal_editor")
WORDING = _table("wording", sealed="question meant")
# People who were blocked when they deleted all their data: a keyed hash of their id.
BLOCKED_PSEUDONYM = _table("blocked_pseudonym")
# Examples whose author withdrew the consent: no model whose build contains one may serve.
REVOKED_EXAMPLE = _table("revoked_example")
# The same of single versions of an example, which was there before their author changed its answer.
REVOKED_VERSION = _table("revoked_version")

FAVOURITE = _table("favourite")
ACCOUNT = _table("account")
SIGN_IN = _table("sign_in")
LOGIN_CODE = _table("login_code")
API_KEY = _table("api_key", sealed="label")


def list_all_tables() -> list[Table]:
    """Return every table, in the order of this module."""
    return [each for each in globals().values() if isinstance(each, Table)]


def list_created() -> dict[str, list[str]]:
    """Return table -> its columns, in the order in which the migrations create them."""
    return {name: find_columns(created) for name, created in _SCHEMA.items()}
