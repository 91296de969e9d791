"""The tables of inbox and chat and their columns; `store.migrations.m002_chat` makes them."""

from __future__ import annotations

from merlin.store.tables import Table


def _table(name: str, columns: str, key: str | None = None) -> Table:
    return Table(name, tuple(columns.split()), primary_key=key)


UPDATE = _table(
    "updates",
    "id bot_id update_id kind chat_id user_id language_code body state reason received_at"
    " finished_at",
    "id",
)
LEASE = _table("chat_lease", "bot_id chat_id owner until")
OUTGOING = _table(
    "outgoing",
    "id bot_id key chat_id update_id body state tries owner message_id created_at settled_at",
    "id",
)
SESSION = _table(
    "chat_session", "id bot_id chat_id user_id dataset model_id is_open created_at", "id"
)
TURN = _table(
    "turn",
    "id bot_id update_id session_id state question answer note ending placeholder_id provider"
    " model_id input_tokens output_tokens asked_at written_at",
    "id",
)
USER = _table("users", "user_id language_code is_reachable first_seen_at")
