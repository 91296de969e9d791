"""Traces: what each table keeps of a person, so that all of it can be shown to them, and erased.

Every table stands here, those that know nobody too: a test compares this page with the schema.
"""

from __future__ import annotations

from dataclasses import dataclass

from merlin.store.account_tables import AUDIT, CONSENT, QUOTA_GIFT, QUOTA_USE, ROLE_GRANT, USER
from merlin.store.admin_tables import BROADCAST, ERRAND
from merlin.store.billing_tables import (
    ANSWER_COST,
    LEDGER,
    PROMO,
    PROMO_USE,
    PURCHASE,
    REFUND,
    RENEWAL,
    TERM,
)
from merlin.store.changes_tables import CHANGE, DATASET_FILE, DATASET_TEXT, DATASET_TREE
from merlin.store.chat_tables import (
    DIALOG,
    LEASE,
    OUTGOING,
    PRESET,
    SESSION,
    SETTING,
    TURN,
    UPDATE,
    WINDOW,
)
from merlin.store.course_tables import (
    COURSE,
    COURSE_INDEX,
    COURSE_TEACHER,
    MATERIAL,
    SEARCH_ENTRY,
)
from merlin.store.group_tables import GROUP_SETTING, INLINE_QUESTION
from merlin.store.ratings_tables import LEFT_BEHIND, PROPOSAL, RATING, REVOKED_EXAMPLE
from merlin.store.tables import (
    BUILD,
    BUILD_EXAMPLE,
    CHECKPOINT,
    COMMIT,
    EVALUATION,
    EXAMPLE,
    EXAMPLE_TEXT,
    FINDING,
    HEARTBEAT,
    INTENT,
    JOB,
    JOB_CHANGE,
    JOB_EVENT,
    KEY_HOLDER,
    MIGRATION,
    MODEL,
    NOTED,
    NOTICE,
    PROMOTION,
    PROOF_ANSWER,
    REQUEST,
    SERVING,
    VERDICT,
    WAKE,
    Table,
)
from merlin.store.web_tables import ACCOUNT, API_KEY, FAVOURITE, IDEMPOTENCY, LOGIN_CODE, SIGN_IN


@dataclass(frozen=True, slots=True)
class Traces:
    """What one table keeps of a person.

    Rows go where a column of `ids` holds their number or one of `owners` names them. Else the row
    stays: numbers in `numbers` become 0, words in `names` that name them become "user:erased",
    and so do mentions within the JSON of `papers`; `blanks` are emptied together with `numbers`,
    `nulls` become NULL. `secrets` go like everything else, and are told to nobody.
    """

    table: Table
    ids: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    blanks: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()
    nulls: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


# In the order in which rows can go: what refers to others before those.
TRACES: tuple[Traces, ...] = (
    Traces(RATING, ids=("user_id",)),
    Traces(TURN, ids=("user_id",)),
    Traces(SESSION, ids=("chat_id",), numbers=("user_id",), blanks=("title", "system", "summary")),
    Traces(UPDATE, ids=("user_id", "chat_id")),
    Traces(LEASE, ids=("chat_id",)),
    Traces(OUTGOING, ids=("chat_id",)),
    Traces(DIALOG, ids=("user_id", "chat_id")),
    Traces(GROUP_SETTING, ids=("chat_id",)),
    Traces(INLINE_QUESTION, ids=("user_id",)),
    Traces(ERRAND, ids=("chat_id",)),
    Traces(PRESET, ids=("user_id",)),
    Traces(CONSENT, ids=("user_id",)),
    Traces(FAVOURITE, ids=("user_id",)),
    Traces(SIGN_IN, ids=("user_id",), secrets=("token_hash", "source")),
    Traces(LOGIN_CODE, ids=("user_id",), secrets=("code_hash", "browser_hash")),
    Traces(API_KEY, ids=("user_id",), secrets=("key_hash",)),
    Traces(IDEMPOTENCY, ids=("user_id",), secrets=("key_hash", "request_hash")),
    Traces(ACCOUNT, ids=("user_id",), secrets=("password", "browsers")),
    Traces(QUOTA_USE, ids=("user_id",)),
    Traces(QUOTA_GIFT, ids=("user_id",), names=("by_whom", "reason")),
    Traces(TERM, ids=("user_id",), names=("by_whom",)),
    Traces(RENEWAL, ids=("user_id",), secrets=("method",)),
    # That a code was used still counts.
    Traces(PROMO_USE, numbers=("user_id",)),
    # What was paid stays for the accountant, without the person.
    Traces(REFUND, names=("by_whom", "reason")),
    Traces(PURCHASE, numbers=("user_id",), blanks=("contact", "pay_url", "reason")),
    Traces(PROMO, names=("by_whom",)),
    Traces(ROLE_GRANT, ids=("user_id",), names=("by_whom",)),
    Traces(CHANGE, owners=("by_whom",), papers=("arguments",)),
    # What git still has stays, without the person, until the daemon has taken it out.
    Traces(PROPOSAL, numbers=("user_id",), blanks=("question", "answer"), names=("reviewed_by",)),
    Traces(NOTICE, owners=("to_whom",), papers=("arguments",), nulls=("once",)),
    Traces(REQUEST, names=("by_whom",), papers=("arguments", "result")),
    Traces(AUDIT, names=("by_whom", "target"), papers=("arguments",)),
    Traces(PROMOTION, names=("by_whom", "why")),
    Traces(SETTING, names=("by_whom",)),
    Traces(BROADCAST, numbers=("by_user", "cursor_id")),
    Traces(USER, ids=("user_id",)),
)

# Authors of commits stand in these; `store.people` takes them out by their address.
AUTHORS: tuple[Table, ...] = (COMMIT, EXAMPLE, BUILD_EXAMPLE)

# What is kept of those who left is under a keyed hash; datasets are what git has.
NOBODY: tuple[Table, ...] = (
    ANSWER_COST,
    BUILD,
    CHECKPOINT,
    COURSE,
    COURSE_INDEX,
    COURSE_TEACHER,
    DATASET_FILE,
    DATASET_TEXT,
    DATASET_TREE,
    EVALUATION,
    EXAMPLE_TEXT,
    FINDING,
    HEARTBEAT,
    INTENT,
    JOB,
    JOB_CHANGE,
    JOB_EVENT,
    KEY_HOLDER,
    LEDGER,
    LEFT_BEHIND,
    MATERIAL,
    MIGRATION,
    MODEL,
    NOTED,
    PROOF_ANSWER,
    REVOKED_EXAMPLE,
    SEARCH_ENTRY,
    SERVING,
    VERDICT,
    WAKE,
    WINDOW,
)
