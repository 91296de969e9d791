"""Sealed columns: every column that holds people's words under the key, in one place.

Whoever seals a new column names it here: changing keys and taking one's data along go by this.
"""

from __future__ import annotations

from collections.abc import Mapping

from merlin.store.account_tables import USER
from merlin.store.admin_tables import BROADCAST
from merlin.store.billing_tables import PURCHASE, RENEWAL
from merlin.store.changes_tables import CHANGE
from merlin.store.chat_tables import DIALOG, OUTGOING, PRESET, SESSION, TURN, UPDATE
from merlin.store.group_tables import INLINE_QUESTION
from merlin.store.ratings_tables import PROPOSAL
from merlin.store.tables import Table
from merlin.store.web_tables import API_KEY, IDEMPOTENCY, LOGIN_CODE, SIGN_IN

# Table -> its sealed columns; "" and NULL in them are words that were forgotten.
SEALED: Mapping[Table, tuple[str, ...]] = {
    UPDATE: ("body",),
    OUTGOING: ("body",),
    SESSION: ("title", "system", "summary"),
    TURN: ("question", "answer", "note", "asker"),
    INLINE_QUESTION: ("question",),
    DIALOG: ("said",),
    PRESET: ("name", "prompt"),
    USER: ("shown_name",),
    CHANGE: ("text", "theirs"),
    PROPOSAL: ("question", "answer", "reason"),
    BROADCAST: ("body",),
    SIGN_IN: ("agent",),
    LOGIN_CODE: ("agent", "place"),
    API_KEY: ("label",),
    IDEMPOTENCY: ("body",),
    PURCHASE: ("contact",),
    RENEWAL: ("method", "contact"),
}
