"""Keys: which columns tell a table's rows apart, where that is not `id`."""

from __future__ import annotations

from collections.abc import Mapping

from merlin.store.account_tables import USER
from merlin.store.admin_tables import ERRAND
from merlin.store.billing_tables import ANSWER_COST
from merlin.store.chat_tables import DIALOG, LEASE, SETTING
from merlin.store.group_tables import GROUP_SETTING
from merlin.store.ratings_tables import LEFT_BEHIND, RATING
from merlin.store.tables import Table
from merlin.store.web_tables import ACCOUNT

_KEYS: Mapping[Table, tuple[str, ...]] = {
    ACCOUNT: ("user_id",),
    ANSWER_COST: ("day", "mark", "currency"),
    DIALOG: ("bot_id", "chat_id", "user_id"),
    GROUP_SETTING: ("bot_id", "chat_id"),
    ERRAND: ("bot_id", "request_id"),
    LEASE: ("bot_id", "chat_id"),
    LEFT_BEHIND: ("mark", "format"),
    RATING: ("turn_id", "user_id"),
    SETTING: ("name",),
    USER: ("user_id",),
}


def key_of(table: Table) -> tuple[str, ...]:
    """Return the columns that tell a table's rows apart."""
    return _KEYS.get(table, ("id",))
