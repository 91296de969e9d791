"""Every table of the database with its columns, as the migrations make them.

The tables are peewee's own (`merlin.db.tables`), their types those of a database that all
migrations have just made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from tempfile import TemporaryDirectory

from merlin.app.personal_data import AUTHORS, TRACES
from merlin.db import tables
from merlin.db.database import Database, open_database
from merlin.db.migrations import migrate
from merlin.db.tables import Table

# The title of a section -> its tables in their order; what one row of each is stands in `ROWS`.
SECTIONS: Mapping[str, str] = {
    "People, roles and limits": (
        "person blocked_pseudonym role_grant audit consent quota_use question_pack"
    ),
    "Orders, payments and refunds": (
        "purchase ledger plan_term refund subscription answer_cost"
    ),
    "Browsers, programs and favourites": (
        "favourite account sign_in login_code api_key"
    ),
    "Courses": "course material",
    "Questions and answers": (
        "telegram_update chat_lease outgoing chat_session turn dialog model_window setting"
    ),
    "Ratings, proposals and unanswered questions": (
        "rating wording proposal proposal_editor revoked_example revoked_version"
    ),
    "Groups": "group_chat",
    "From commits to the live model, and messages between processes": (
        "migration change_counter intent request notice heartbeat seen_commit verdict"
        " finding build example_text taught_example job job_event"
        " model proof_answer baseline_answer accepted_loss judgement serving promotion"
    ),
    "Edits, and files for editors": (
        "change dataset_tree dataset_file dataset_text search_entry"
    ),
    "Pending requests of admins": "waiting_request",
}
ROWS: Mapping[str, str] = {
    "account": "the username and password hash (argon2id) for a sign-in without Telegram",
    "api_key": "an API key, stored as SHA-256, with its scopes",
    "accepted_loss": "a test question whose changed answer an editor accepted",
    "judgement": "whether an answer to a test question is right, as an editor said",
    "answer_cost": "the cost of a day's answers, if it is limited",
    "audit": "a dangerous action: who did what to whom; rows are only added",
    "baseline_answer": "what a model answered to a question before it was shut down",
    "build": "a build of a dataset at a commit",
    "change": "an edit of one file that waits for its commit, or its result",
    "consent": "consent to a text, or its refusal, with the period",
    "course": "a course, as in course.yaml",
    "dataset_file": "a file of a dataset at the newest commit",
    "dataset_text": "the text of such a file",
    "dataset_tree": "the git tree from which a dataset's stored files come",
    "dialog": "a person's position in a dialog of the bot",
    "wording": "what a declined question meant, of a person with a consent",
    "waiting_request": "a chat that waits for the result of a request",
    "example_text": "the text of an example, by content",
    "favourite": "a course in a person's “My courses”",
    "finding": "a finding of the check in a file at a commit",
    "group_chat": "the groups that the bot is in, and the supergroups that they became",
    "heartbeat": "the newest heartbeat of a process on a host",
    "intent": "an outgoing call, written before it is made",
    "job": "a fine-tune job",
    "job_event": "an event of a job",
    "chat_lease": "the process that handles a chat now",
    "ledger": "a payment, grant, refund or revocation; the database refuses to change one",
    "blocked_pseudonym": "a person who was blocked when they deleted their data, as a keyed hash",
    "login_code": "a sign-in that waits for its confirmation in the bot, for five minutes",
    "material": "a material of a course",
    "migration": "a migration that has been applied",
    "model": "a tuned model",
    "notice": "a notification to a person",
    "outgoing": "a message that the bot sends",
    "plan_term": "a person's plan with its beginning and end",
    "promotion": "a switch from one live model to another; rows are only added",
    "proposal": "a corrected answer, or a teacher's draft, that may become an example",
    "proposal_editor": "who is changing a proposal now",
    "proof_answer": "a model's answer to one test question",
    "purchase": "an order of a plan or pack, from the first tap to the last refund",
    "question_pack": "bought questions on top of the plan",
    "quota_use": "a question that counts against the plan",
    "refund": "a refund, written before it is sent",
    "rating": "a person's rating of an answer",
    "request": "an action that one process requests from another",
    "revoked_example": "an example with withdrawn consent, by its id in builds",
    "revoked_version": "a version of a corrected example with withdrawn consent, by its blob",
    "role_grant": "a role that a person has, in one scope or everywhere",
    "search_entry": "something that is searched: a course, a material, a passage, an example",
    "seen_commit": "a commit on the followed branch",
    "serving": "the live model of a dataset",
    "chat_session": "a conversation with its own history, model and window",
    "setting": "a text set by the operator",
    "sign_in": "a signed-in browser, with its token as SHA-256; for an hour a sign-out everywhere",
    "subscription": "an order in Stars that Telegram charges every month",
    "taught_example": "an example that consecutive builds train alike, up to before `end_build`",
    "turn": "a question and its answer",
    "telegram_update": "an update from Telegram, and its result",
    "person": "a person, by Telegram's ID or one of our own",
    "verdict": "the result of a commit for a dataset",
    "change_counter": "a counter: of what processes notice, of the catalogue; if that is complete",
    "model_window": "the known size of a model's window",
}
# Columns that hold the number of a row elsewhere without being a foreign key.
LINKS: Mapping[str, tuple[str, str]] = {
    "user_id": ("person", "user_id"),
    "by_user": ("person", "user_id"),
    "grant_id": ("ledger", "id"),
    "purchase_id": ("purchase", "id"),
    "course_id": ("course", "id"),
    "session_id": ("chat_session", "id"),
    "turn_id": ("turn", "id"),
    "pack_id": ("question_pack", "id"),
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
    of_people = {
        name_of(table) for table in (*AUTHORS, *(trace.table for trace in TRACES))
    }
    sections = []
    with (
        TemporaryDirectory() as folder,
        open_database(f"sqlite://{folder}/merlin.db") as db,
    ):
        migrate(db)
        for title, names in SECTIONS.items():
            sections.append(f"## {title}\n")
            for name in names.split():
                person = "👤 " if name in of_people else ""
                rows = "\n".join(
                    _row(TABLES[name], column) for column in columns(db, name)
                )
                head = "| column | type | | refers to |\n| --- | --- | --- | --- |"
                sections.append(
                    f"### {name}\n\n{person}One row: {ROWS[name]}.\n\n{head}\n{rows}\n"
                )
    return "\n".join(sections)


def _row(table: Table, column: Column) -> str:
    marks = ["PK"] * column.is_key + ["🔒"] * (column.name in table.sealed)
    leads = "[{0}.{1}](#{0})".format(*column.target) if column.target else ""
    return f"| {column.name} | {column.type} | {' '.join(marks)} | {leads} |"
