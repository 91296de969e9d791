"""What each table keeps of a person: the one table behind export and erasure.

Every table stands here, those that know nobody too: a test compares this page with the schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merlin.account.users import ERASED
from merlin.db.audit import person_reference
from merlin.db.tables import (
    ACCOUNT,
    ANSWER_COST,
    API_KEY,
    AUDIT,
    BROADCAST,
    BUILD,
    BUILD_EXAMPLE,
    CHANGE,
    CHECKPOINT,
    COMMIT,
    CONSENT,
    COURSE,
    COURSE_INDEX,
    COURSE_TEACHER,
    DATASET_FILE,
    DATASET_TEXT,
    DATASET_TREE,
    DIALOG,
    ERRAND,
    EVALUATION,
    EXAMPLE,
    EXAMPLE_TEXT,
    FAVOURITE,
    FINDING,
    GROUP_SETTING,
    HEARTBEAT,
    IDEMPOTENCY,
    INLINE_QUESTION,
    INTENT,
    JOB,
    JOB_CHANGE,
    JOB_EVENT,
    KEY_HOLDER,
    LEASE,
    LEDGER,
    LEFT_BEHIND,
    LOGIN_CODE,
    MATERIAL,
    MIGRATION,
    MODEL,
    NOTED,
    NOTICE,
    OUTGOING,
    PRESET,
    PROMO,
    PROMO_USE,
    PROMOTION,
    PROOF_ANSWER,
    PROPOSAL,
    PURCHASE,
    QUOTA_GIFT,
    QUOTA_USE,
    RATING,
    REFUND,
    RENEWAL,
    REQUEST,
    REVOKED_EXAMPLE,
    ROLE_GRANT,
    SEARCH_ENTRY,
    SERVING,
    SESSION,
    SETTING,
    SIGN_IN,
    TERM,
    TURN,
    UPDATE,
    USER,
    VERDICT,
    WAKE,
    WINDOW,
    Table,
)


def scrub_text(words: str, user_id: int) -> str:
    """Return the words with a word for nobody in the place of the person's number."""
    named = re.sub(rf"(?<!\w){re.escape(person_reference(user_id))}(?!\d)", ERASED, words)
    return re.sub(rf"(?<!\d){user_id}(?!\d)", ERASED.removeprefix("user:"), named)


def scrub_json(value: Any, user_id: int) -> Any:
    """Return a JSON value without the person: a number becomes 0, words are scrubbed."""
    if isinstance(value, Mapping):
        told = {scrub_text(key, user_id): each for key, each in value.items()}
        return {key: scrub_json(each, user_id) for key, each in told.items()}
    if isinstance(value, list):
        return [scrub_json(each, user_id) for each in value]
    if isinstance(value, str):
        return scrub_text(value, user_id)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return 0 if is_number and value == user_id else value


@dataclass(frozen=True, slots=True)
class PersonalData:
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
TRACES: tuple[PersonalData, ...] = (
    PersonalData(RATING, ids=("user_id",)),
    PersonalData(TURN, ids=("user_id",)),
    PersonalData(
        SESSION, ids=("chat_id",), numbers=("user_id",), blanks=("title", "system", "summary")
    ),
    PersonalData(UPDATE, ids=("user_id", "chat_id")),
    PersonalData(LEASE, ids=("chat_id",)),
    PersonalData(OUTGOING, ids=("chat_id",)),
    PersonalData(DIALOG, ids=("user_id", "chat_id")),
    PersonalData(GROUP_SETTING, ids=("chat_id",)),
    PersonalData(INLINE_QUESTION, ids=("user_id",)),
    PersonalData(ERRAND, ids=("chat_id",)),
    PersonalData(PRESET, ids=("user_id",)),
    PersonalData(CONSENT, ids=("user_id",)),
    PersonalData(FAVOURITE, ids=("user_id",)),
    PersonalData(SIGN_IN, ids=("user_id",), secrets=("token_hash", "source")),
    PersonalData(LOGIN_CODE, ids=("user_id",), secrets=("code_hash", "browser_hash")),
    PersonalData(API_KEY, ids=("user_id",), secrets=("key_hash",)),
    PersonalData(IDEMPOTENCY, ids=("user_id",), secrets=("key_hash", "request_hash")),
    PersonalData(ACCOUNT, ids=("user_id",), secrets=("password", "browsers")),
    PersonalData(QUOTA_USE, ids=("user_id",)),
    PersonalData(QUOTA_GIFT, ids=("user_id",), names=("by_whom", "reason")),
    PersonalData(TERM, ids=("user_id",), names=("by_whom",)),
    PersonalData(RENEWAL, ids=("user_id",), secrets=("method",)),
    # That a code was used still counts.
    PersonalData(PROMO_USE, numbers=("user_id",)),
    # What was paid stays for the accountant, without the person.
    PersonalData(REFUND, names=("by_whom", "reason")),
    PersonalData(PURCHASE, numbers=("user_id",), blanks=("contact", "pay_url", "reason")),
    PersonalData(PROMO, names=("by_whom",)),
    PersonalData(ROLE_GRANT, ids=("user_id",), names=("by_whom",)),
    PersonalData(CHANGE, owners=("by_whom",), papers=("arguments",)),
    # What git still has stays, without the person, until the daemon has taken it out.
    PersonalData(
        PROPOSAL, numbers=("user_id",), blanks=("question", "answer"), names=("reviewed_by",)
    ),
    PersonalData(NOTICE, owners=("to_whom",), papers=("arguments",), nulls=("once",)),
    PersonalData(REQUEST, names=("by_whom",), papers=("arguments", "result")),
    PersonalData(AUDIT, names=("by_whom", "target"), papers=("arguments",)),
    PersonalData(PROMOTION, names=("by_whom", "why")),
    PersonalData(SETTING, names=("by_whom",)),
    PersonalData(BROADCAST, numbers=("by_user", "cursor_id")),
    PersonalData(USER, ids=("user_id",)),
)

# Authors of commits stand in these; `merlin.app.personal_data` takes them out by their address.
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
