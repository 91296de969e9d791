"""Every table of the database with its columns, as the migrations make them.

The tables are peewee's own (`merlin.db.tables`), their types those of a database that all
migrations have just made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from tempfile import TemporaryDirectory

from merlin.db import tables
from merlin.db.database import Database, open_database
from merlin.db.migrations import migrate
from merlin.db.personal_data import NOBODY
from merlin.db.tables import Table

# The title of a section -> its tables in their order; what one row of each is stands in `ROWS`.
SECTIONS: Mapping[str, str] = {
    "People, roles and quotas": "users role_grant audit approval consent quota_use quota_gift",
    "What is bought, paid and given back": (
        "purchase ledger plan_term refund renewal promo answer_cost promo_use"
    ),
    "Browsers, programs and favourites": (
        "favourite account sign_in login_code api_key idempotency"
    ),
    "Courses": "course course_teacher material course_index search_entry",
    "Questions and answers": (
        "updates chat_lease outgoing chat_session turn hour_figure dialog preset"
        " model_window setting"
    ),
    "Ratings, proposals and questions without an answer": (
        "rating proposal told_question dismissed_question left_behind revoked_example"
    ),
    "Groups and inline questions": "group_setting inline_question",
    "From commits to the serving model, and what processes tell each other": (
        "migration wake intent request notice heartbeat key_holder throttle seen_commit verdict"
        " noted commit_status"
        " finding build example example_text taught_example job job_change job_event checkpoint"
        " model evaluation proof_answer baseline_answer accepted_loss canary serving promotion"
    ),
    "Edits and the files that editors see": (
        "change dataset_tree dataset_file dataset_text example_entry example_tag example_draft"
    ),
    "Admins' errands and broadcasts": "broadcast errand",
}
ROWS: Mapping[str, str] = {
    "account": "a name and password (argon2id) of somebody who may sign in without Telegram",
    "api_key": "a key of a program, as SHA-256, with its scopes",
    "accepted_loss": "a test question that a model may answer otherwise: an editor said so",
    "answer_cost": "what answers to somebody (a keyed hash) cost on a day, where that is capped",
    "approval": "a dangerous act that waits for a second person, or who decided it",
    "audit": "a dangerous action: who did what to what; rows are only added",
    "canary": "a model that answers a share of the people, and how it does beside the serving one",
    "baseline_answer": "what a base or a checkpoint answered to one test question",
    "broadcast": "a message to everybody, and how far it has come",
    "build": "a build: what a dataset was made into at a commit",
    "change": "an edit of one file that waits for its commit, or what became of it",
    "checkpoint": "a checkpoint of a job",
    "commit_status": "the status that a forge was told of a commit",
    "consent": "a yes or no to a text, from when to when",
    "course": "a course as course.yaml tells it",
    "course_index": "whether the courses are those of the newest commit; the catalogue's version",
    "course_teacher": "a teacher's account name at a course",
    "dataset_file": "a file of a dataset at the newest commit",
    "dataset_text": "the text of such a file",
    "dataset_tree": "which tree of git the kept files of a dataset are",
    "dismissed_question": "a question (a keyed hash) that editors of a dataset do not answer",
    "dialog": "where a person stands in the bot's dialog",
    "errand": "a chat that waits for what becomes of a request",
    "evaluation": "how a model did in the test",
    "example": "an example at the newest commit that changed it",
    "example_draft": "an editor's change of an example that is not saved yet",
    "example_entry": "what is searched of an example's file; the highest `id` changed last",
    "example_tag": "a tag of an example's file",
    "example_text": "the words of an example, by content",
    "favourite": "a course that somebody keeps at hand",
    "finding": "what is wrong in a file at a commit",
    "group_setting": "what a group's admins chose",
    "key_holder": "which keys of people's texts a process holds, by their names",
    "heartbeat": "the newest words of a process on a host",
    "hour_figure": "what was answered in one hour",
    "idempotency": "a call that must not be carried out twice, and its answer",
    "inline_question": "a question asked from another chat",
    "intent": "a call to the outside, written before it is made",
    "job": "a fine-tune job",
    "job_change": "a state that a job came to",
    "job_event": "an event of a job",
    "chat_lease": "which process serves a chat now",
    "ledger": "a payment, grant, refund or revocation; the database refuses to change one",
    "left_behind": "what outlives an erasure, under a keyed hash",
    "login_code": "a sign-in that waits to be confirmed in the bot, five minutes long",
    "material": "a material of a course",
    "migration": "a step that made this schema",
    "model": "a tuned model",
    "noted": "a commit's note in git, as it was written",
    "notice": "what a person is to be told",
    "outgoing": "a message that the bot sends",
    "plan_term": "a plan that somebody has from then to then",
    "preset": "a person's own system text",
    "promo": "a code that makes a plan cheaper or gives days of it",
    "promo_use": "a person, or an order, that used a code",
    "promotion": "a switch from one serving model to another; rows are only added",
    "proposal": "a corrected answer, or a teacher's draft, that may become an example",
    "proof_answer": "what a model answered to one test question",
    "purchase": "an order of a plan or pack, from the first tap to the last refund",
    "quota_gift": "questions beyond the plan",
    "quota_use": "a question that counts",
    "refund": "money that is to go back, written before it is sent",
    "renewal": "a plan that renews itself, by a saved method or by Telegram",
    "rating": "what somebody thought of an answer",
    "request": "what one process asks another to do",
    "revoked_example": "an example whose person took the consent back, as builds name it",
    "role_grant": "a role that somebody was given, the ended ones too",
    "search_entry": "the words of a course or material as search finds them",
    "seen_commit": "a commit on the followed branch",
    "serving": "the model that serves a dataset now",
    "chat_session": "a live chat with its own history, model and window",
    "setting": "a text of the operator's",
    "sign_in": "a browser that somebody is signed in with, its token as SHA-256",
    "taught_example": "an example as builds in a row teach it, up to before `end_build`",
    "told_question": "a question that somebody wants the editors to see, masked",
    "turn": "a question and its answer",
    "updates": "an event of Telegram, and how it ended",
    "throttle": "what several apis count of one caller together, by a keyed hash",
    "users": "a person, by Telegram's number or one of our own",
    "verdict": "what a commit led to in a dataset",
    "wake": "one counter that tells every process to look",
    "model_window": "what is known of a model's window",
}
# Columns that hold the number of a row elsewhere without being a foreign key.
LINKS: Mapping[str, tuple[str, str]] = {
    "user_id": ("users", "user_id"),
    "by_user": ("users", "user_id"),
    "grant_id": ("ledger", "id"),
    "purchase_id": ("purchase", "id"),
    "renewal_id": ("renewal", "id"),
    "course_id": ("course", "id"),
    "session_id": ("chat_session", "id"),
    "turn_id": ("turn", "id"),
    "gift_id": ("quota_gift", "id"),
    "request_id": ("request", "id"),
    "build_id": ("build", "id"),
    "job_id": ("job", "id"),
    "verdict_id": ("verdict", "id"),
    "commit_sha": ("seen_commit", "sha"),
    "model_row": ("model", "id"),
    "text_digest": ("example_text", "digest"),
    "blob": ("dataset_text", "blob"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column with its type; `target` (table, column) is where its numbers lead."""

    name: str
    type: str
    is_key: bool
    target: tuple[str, str] | None = None


TABLES: Mapping[str, Table] = {
    each.__name__: each for each in vars(tables).values() if isinstance(each, Table)
}


def name_of(table: Table) -> str:
    """Return a table's name in the database."""
    return str(table.__name__)


def columns(db: Database, table: str) -> list[Column]:
    """Return the columns that the migrations have made, with what they refer to."""
    asked = 'SELECT "from", "table", "to" FROM pragma_foreign_key_list(?)'
    keys = {column: (to, its) for column, to, its in db.sql(asked, table)}
    told = db.sql("SELECT name, type, pk FROM pragma_table_info(?)", table)
    return [
        Column(name, type_.lower(), bool(key), keys.get(name, _link(table, name)))
        for name, type_, key in told
    ]


def _link(table: str, column: str) -> tuple[str, str] | None:
    link = LINKS.get(column)
    return link if link and link[0] != table else None


@cache
def tables_told() -> str:
    """Return a section for each table, with its columns and where they lead."""
    nobody = {name_of(table) for table in NOBODY}
    sections = []
    with TemporaryDirectory() as folder, open_database(f"sqlite://{folder}/merlin.db") as db:
        migrate(db)
        for title, names in SECTIONS.items():
            sections.append(f"## {title}\n")
            for name in names.split():
                person = "" if name in nobody else "👤 "
                rows = "\n".join(_row(TABLES[name], column) for column in columns(db, name))
                head = "| column | type | | leads to |\n| --- | --- | --- | --- |"
                sections.append(f"### {name}\n\n{person}One row: {ROWS[name]}.\n\n{head}\n{rows}\n")
    return "\n".join(sections)


def _row(table: Table, column: Column) -> str:
    marks = ["PK"] * column.is_key + ["🔒"] * (column.name in table.sealed)
    leads = "[{0}.{1}](#{0})".format(*column.target) if column.target else ""
    return f"| {column.name} | {column.type} | {' '.join(marks)} | {leads} |"
