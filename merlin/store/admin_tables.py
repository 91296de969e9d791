"""The tables of what admins do by the bot; `store.migrations.m009_broadcast` makes them."""

from __future__ import annotations

from merlin.store.tables import Table


def _table(name: str, columns: str, key: str | None = None) -> Table:
    return Table(name, tuple(columns.split()), primary_key=key)


BROADCAST = _table(
    "broadcast",
    "id bot_id by_user body state language cursor_id total is_whole moved_at created_at"
    " started_at ended_at",
    "id",
)
ERRAND = _table("errand", "bot_id request_id chat_id message_id update_id back")
