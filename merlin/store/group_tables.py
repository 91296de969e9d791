"""The tables of groups and of inline mode; `store.migrations.m010_groups` makes them."""

from __future__ import annotations

from merlin.store.tables import Table


def _table(name: str, columns: str, key: str | None = None) -> Table:
    return Table(name, tuple(columns.split()), primary_key=key)


GROUP_SETTING = _table(
    "group_setting", "bot_id chat_id hears dataset language is_open moved_to gone_at"
)
INLINE_QUESTION = _table("inline_question", "id bot_id token user_id question at", "id")
