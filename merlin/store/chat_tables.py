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
    "chat_session",
    "id bot_id chat_id user_id thread_id dataset provider model_id title preset system summary"
    " used_tokens is_warned is_full is_open created_at touched_at",
    "id",
)
TURN = _table(
    "turn",
    "id bot_id update_id session_id user_id question_id format state question answer note ending"
    " offer standing placeholder_id provider model_id input_tokens output_tokens cost_micro"
    " currency is_replaced asked_at written_at asker",
    "id",
)
DIALOG = _table("dialog", "bot_id chat_id user_id step said at")
PRESET = _table("preset", "id user_id name prompt created_at", "id")
WINDOW = _table("model_window", "provider model_id tokens at")
SETTING = _table("setting", "name value by_whom at")
