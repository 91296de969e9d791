"""The personal data in each table, as used by export and erasure.

A test lists the tables without personal data too, and compares both lists with the schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merlin.account.users import ERASED
from merlin.db import tables as t
from merlin.db.audit import person_reference
from merlin.db.tables import Table


def scrub_text(text: str, user_id: int) -> str:
    """Return the text with the person's id replaced by a placeholder."""
    named = re.sub(rf"(?<!\w){re.escape(person_reference(user_id))}(?!\d)", ERASED, text)
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
        t.SESSION, ids=("chat_id",), numbers=("user_id",), blanks=("title", "system", "summary")
    ),
    PersonalData(t.UPDATE, ids=("user_id", "chat_id")),
    PersonalData(t.LEASE, ids=("chat_id",)),
    PersonalData(t.OUTGOING, ids=("chat_id",)),
    PersonalData(t.DIALOG, ids=("user_id", "chat_id")),
    PersonalData(t.GROUP_SETTING, ids=("chat_id",)),
    PersonalData(t.INLINE_QUESTION, ids=("user_id",)),
    PersonalData(t.ERRAND, ids=("chat_id",)),
    PersonalData(t.PRESET, ids=("user_id",)),
    PersonalData(t.CONSENT, ids=("user_id",)),
    PersonalData(t.FAVOURITE, ids=("user_id",)),
    PersonalData(t.SIGN_IN, ids=("user_id",), secrets=("token_hash", "source")),
    PersonalData(t.LOGIN_CODE, ids=("user_id",), secrets=("code_hash", "browser_hash")),
    PersonalData(t.API_KEY, ids=("user_id",), secrets=("key_hash",)),
    PersonalData(t.IDEMPOTENCY, ids=("user_id",), secrets=("key_hash", "request_hash")),
    PersonalData(t.ACCOUNT, ids=("user_id",), secrets=("password", "browsers")),
    PersonalData(t.QUOTA_USE, ids=("user_id",)),
    PersonalData(t.QUOTA_GIFT, ids=("user_id",), names=("by_whom", "reason")),
    PersonalData(t.TERM, ids=("user_id",), names=("by_whom",)),
    PersonalData(t.RENEWAL, ids=("user_id",), secrets=("method",)),
    # The use of a code still counts.
    PersonalData(t.PROMO_USE, numbers=("user_id",)),
    # Payments stay for the accounts, without the person.
    PersonalData(t.REFUND, names=("by_whom", "reason")),
    PersonalData(t.PURCHASE, numbers=("user_id",), blanks=("contact", "pay_url", "reason")),
    PersonalData(t.PROMO, names=("by_whom",)),
    PersonalData(t.ROLE_GRANT, ids=("user_id",), names=("by_whom",)),
    PersonalData(t.EXAMPLE_DRAFT, ids=("user_id",)),
    PersonalData(t.CHANGE, owners=("by_whom",), documents=("arguments",)),
    # Examples in git stay, without the person, until the daemon has removed them.
    PersonalData(
        t.PROPOSAL,
        numbers=("user_id",),
        blanks=("question", "answer", "rejected"),
        names=("reviewed_by",),
    ),
    PersonalData(t.TOLD_QUESTION, ids=("user_id",)),
    PersonalData(t.DISMISSED_QUESTION, names=("by_whom",)),
    PersonalData(t.NOTICE, owners=("to_whom",), documents=("arguments",), nulls=("once",)),
    PersonalData(t.REQUEST, names=("by_whom",), documents=("arguments", "result")),
    PersonalData(
        t.APPROVAL,
        ids=("asked_by",),
        names=("subject", "decided_by"),
        documents=("arguments", "told"),
    ),
    PersonalData(t.AUDIT, names=("by_whom", "target"), documents=("arguments",)),
    PersonalData(t.ACCEPTED_LOSS, names=("by_whom",)),
    PersonalData(t.PROMOTION, names=("by_whom", "why")),
    PersonalData(t.SETTING, names=("by_whom",)),
    PersonalData(t.BROADCAST, numbers=("by_user", "cursor_id")),
    PersonalData(t.USER, ids=("user_id",)),
)

# These name the authors of commits; `merlin.app.personal_data` removes them by e-mail address.
AUTHORS: tuple[Table, ...] = (t.COMMIT, t.EXAMPLE, t.TAUGHT_EXAMPLE)
