"""The tables of accounts and quotas; `m002_chat` and `m006_accounts` make them."""

from __future__ import annotations

from merlin.store.tables import Table


def _table(name: str, columns: str, key: str | None = None) -> Table:
    return Table(name, tuple(columns.split()), primary_key=key)


USER = _table(
    "users",
    "user_id language_code is_reachable first_seen_at language zone plan is_blocked shown_name"
    " terms_seen",
)
ROLE_GRANT = _table("role_grant", "id user_id role scope by_whom at revoked_at", "id")
AUDIT = _table("audit", "id at by_whom action target arguments", "id")
CONSENT = _table("consent", "id user_id kind text_version given_at revoked_at", "id")
QUOTA_USE = _table(
    "quota_use", "id bot_id update_id user_id format state gift_id scope day month at", "id"
)
QUOTA_GIFT = _table("quota_gift", "id user_id format amount expires_at by_whom reason key at", "id")
