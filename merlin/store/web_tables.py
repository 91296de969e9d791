"""The tables of what browsers and programs keep here; `store.migrations.m011_web` makes them."""

from __future__ import annotations

from merlin.store.tables import Table


def _table(name: str, columns: str, key: str | None = None) -> Table:
    return Table(name, tuple(columns.split()), primary_key=key)


FAVOURITE = _table("favourite", "id user_id course_id at", "id")
ACCOUNT = _table("account", "user_id name password browsers changed_at")
SIGN_IN = _table("sign_in", "id token_hash source user_id how agent at seen_at expires_at", "id")
LOGIN_CODE = _table(
    "login_code",
    "id code_hash browser_hash number agent place state user_id at expires_at",
    "id",
)
API_KEY = _table(
    "api_key", "id key_hash hint user_id label scopes at expires_at used_at revoked_at", "id"
)
IDEMPOTENCY = _table(
    "idempotency", "id user_id key_hash request_hash number status media_type headers body at", "id"
)
