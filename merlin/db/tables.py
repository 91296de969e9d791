"""The tables and their columns, bound to no database; `merlin.db.migrations` creates them."""

from __future__ import annotations

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
            {getattr(self, key) if isinstance(key, str) else key: named[key] for key in named}
        )

    def every(self) -> list[Any]:
        """Return all columns in the order of the schema."""
        return [getattr(self, name) for name in self._columns]


def _table(name: str, columns: str, *, key: str = "id", sealed: str = "") -> Table:
    """Return a table; `key` is its primary key, `sealed` are its encrypted columns."""
    named = columns.split()
    table = Table(name, named, primary_key="id" if named[0] == "id" else None)
    table.row_key, table.sealed = tuple(key.split()), tuple(sealed.split())
    return table


MIGRATION = _table("migration", "name applied_at")
WAKE = _table("wake", "id counter")
# The rows of `wake`: the changes that processes wait for, the number of the newest change of the
# catalogue, and whether every dataset of the branch's head was read into it (1 or 0).
CHANGES, CATALOGUE_VERSION, CATALOGUE_WHOLE = 1, 2, 3
INTENT = _table("intent", "key kind state outside_id sent_at empty_finds")
REQUEST = _table("request", "id kind arguments by_whom state created_at result")
NOTICE = _table("notice", "id to_whom key arguments once created_at handed_over_at")
HEARTBEAT = _table("heartbeat", "process host pid since at step counters failing")

COMMIT = _table(
    "seen_commit",
    "sha parent position author_name author_email committed_at subject message seen_at",
)
VERDICT = _table(
    "verdict",
    "id commit_sha dataset position status training_key spec reason arguments build_id job_id"
    " seen_at updated_at sent_status sent_at",
)
FINDING = _table("finding", "id verdict_id path line col rule severity arguments")
BUILD = _table(
    "build",
    "id dataset number digest folder system train test train_tokens test_tokens manifest"
    " created_at is_whole",
)
EXAMPLE = _table("example", "dataset example_id blob commit_sha author")
EXAMPLE_TEXT = _table("example_text", "digest messages words")
TAUGHT_EXAMPLE = _table(
    "taught_example",
    "dataset example_id first_build end_build blob commit_sha author split tokens text_digest",
)

JOB = _table(
    "job",
    "id launch_key training_key dataset build_id provider recipe attempt state provider_job_id"
    " status model_id trained_tokens estimate_micro currency error not_before created_at"
    " updated_at checkpoints",
)
JOB_EVENT = _table("job_event", "id job_id event_id at level message kind data")

# The last five are the scores of its evaluation, NULL before it.
MODEL = _table(
    "model",
    "id provider model_id dataset build_id job_id state probes not_before note created_at"
    " questions right_count chrf equal_share unknown_share",
)
PROOF_ANSWER = _table("proof_answer", "model_row example_id answer known")
# Test questions that a newer model may answer worse than the previous one: an editor accepted it.
ACCEPTED_LOSS = _table(
    "accepted_loss", "dataset question_digest example_id by_whom at", key="dataset question_digest"
)
SERVING = _table("serving", "dataset model_row since position is_pinned")
PROMOTION = _table("promotion", "id dataset from_model to_model why by_whom at")

USER = _table(
    "users",
    "user_id language_code first_seen_at language zone plan is_blocked shown_name",
    sealed="shown_name",
    key="user_id",
)
ROLE_GRANT = _table("role_grant", "id user_id role scope by_whom at revoked_at")
AUDIT = _table("audit", "id at by_whom action target arguments")
CONSENT = _table("consent", "id user_id kind text_version given_at revoked_at")
QUOTA_USE = _table(
    "quota_use", "id bot_id update_id user_id format state pack_id scope day month at"
)
QUESTION_PACK = _table("question_pack", "id user_id format amount expires_at key")

ERRAND = _table(
    "errand", "bot_id request_id chat_id message_id update_id back", key="bot_id request_id"
)

PURCHASE = _table(
    "purchase",
    "id user_id gateway promise amount currency is_test contact state"
    " outside_id pay_url reason created_at expires_at asked_at next_poll_at polls",
    sealed="contact",
)
LEDGER = _table(
    "ledger",
    "id key kind purchase_id gateway refers amount currency outside_id at source reason is_test",
)
TERM = _table("plan_term", "id user_id plan starts_at ends_at key grant_id by_whom")
REFUND = _table(
    "refund",
    "id purchase_id grant_id gateway payment_id amount currency reason by_whom state at"
    " next_poll_at polls outside_id trouble",
)
# The cost of a day's answers, kept while it is limited.
ANSWER_COST = _table("answer_cost", "day currency micro", key="day currency")

CHANGE = _table(
    "change",
    "id change_id batch dataset kind path before_blob text editor_name editor_email subject by_whom"
    " state reason arguments commit_sha reported_status is_reported created_at"
    " updated_at committed_blob refusals",
    sealed="text",
)
DATASET_TREE = _table("dataset_tree", "dataset tree")
DATASET_FILE = _table("dataset_file", "dataset path blob")
DATASET_TEXT = _table("dataset_text", "blob text")
# The searched parts of an example's file; the number increases with each change of the file.
EXAMPLE_ENTRY = _table("example_entry", "id dataset path example_id blob words tags")

UPDATE = _table(
    "updates",
    "id bot_id update_id kind chat_id user_id language_code body state reason received_at"
    " finished_at",
    sealed="body",
)
LEASE = _table("chat_lease", "bot_id chat_id owner until", key="bot_id chat_id")
OUTGOING = _table(
    "outgoing",
    "id bot_id key chat_id update_id body state tries owner message_id created_at settled_at"
    " sending_until",
    sealed="body",
)
SESSION = _table(
    "chat_session",
    "id bot_id chat_id user_id thread_id dataset provider model_id title preset system"
    " used_tokens is_warned is_full is_open created_at last_used_at",
    sealed="title system",
)
TURN = _table(
    "turn",
    "id bot_id update_id session_id user_id question_id format state question answer note ending"
    " offer model_role placeholder_id provider model_id input_tokens output_tokens cached_tokens"
    " cost_micro currency is_replaced asked_at written_at asker known nearest first_ms",
    sealed="question answer note asker nearest",
)
DIALOG = _table(
    "dialog", "bot_id chat_id user_id step said at", sealed="said", key="bot_id chat_id user_id"
)
WINDOW = _table("model_window", "provider model_id tokens at")
SETTING = _table("setting", "name value by_whom at", key="name")

# `lecture`, `seminar` and `lab` are its numbers of materials of each kind.
COURSE = _table(
    "course",
    "id slug semester name_ru name_en description_ru description_en is_active indexed_at"
    " lecture seminar lab teachers",
)
# A material that was removed from course.yaml has no place.
MATERIAL = _table("material", "id course_id place lesson kind title_ru title_en text_path file_url")
# The search index: `id` is a material's id, or a course's id as a negative number. `name` and
# `body` contain words with their stems, `letters` the folded text.

GROUP_CHAT = _table("group_chat", "bot_id chat_id moved_to gone_at", key="bot_id chat_id")

RATING = _table("rating", "turn_id user_id value at", key="turn_id user_id")
PROPOSAL = _table(
    "proposal",
    "id user_id dataset question answer turn_id model_id state example_id change_id removal_id"
    " reviewed_by at reviewed_at origin note cost_micro currency"
    " rejected split before_question before_answer",
    sealed="question answer rejected before_question before_answer",
)
# The usage of users who deleted all their data, under a keyed hash.
LEFT_BEHIND = _table(
    "left_behind", "mark format day day_used month month_used until", key="mark format"
)
# Examples whose author withdrew the consent: no model whose build contains one may serve.
REVOKED_EXAMPLE = _table("revoked_example", "dataset example_id at")

FAVOURITE = _table("favourite", "id user_id course_id at")
ACCOUNT = _table("account", "user_id name password changed_at", key="user_id")
SIGN_IN = _table("sign_in", "id token_hash source user_id method at seen_at expires_at")
LOGIN_CODE = _table(
    "login_code",
    "id code_hash browser_hash number state user_id at expires_at",
)
API_KEY = _table(
    "api_key",
    "id key_hash hint user_id label scopes created_at expires_at last_used_at revoked_at",
    sealed="label",
)


def list_all_tables() -> list[Table]:
    """Return every table, in the order of this module."""
    return [each for each in globals().values() if isinstance(each, Table)]
