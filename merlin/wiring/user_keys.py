"""API keys of people, made from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from merlin.account.api_keys import ApiKeys, Scope, useless_scopes
from merlin.account.roles import Roles
from merlin.account.users import Users
from merlin.config import Config
from merlin.core.clock import utc_now
from merlin.core.errors import NotFound, Refused
from merlin.db.audit import Audit
from merlin.db.audit import person_reference as told_user
from merlin.db.database import Database
from merlin.wiring.database import make_cipher, opened
from merlin.wiring.users import operator


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is asked for; `days` None: the key stays until it is revoked."""

    user_id: int
    label: str
    scopes: Sequence[Scope]
    days: int | None = None


def make_key(config: Config, asked: NewKey) -> dict[str, Any]:
    """Return a person's new key with its secret, which nobody can read again.

    Raises NotFound for somebody unknown, Refused for a scope beyond their role.
    """
    with opened(config) as database, database.atomic():
        _refuse_vain(config, database, asked)
        database.cipher = make_cipher(config)
        ends = utc_now() + timedelta(days=asked.days) if asked.days else None
        rows = ApiKeys(database)
        key, secret = rows.make(asked.user_id, asked.label, set(asked.scopes), ends)
        told = {"key": key.key_id}
        Audit(database).note(operator(), "key.give", told_user(asked.user_id), told)
    return {
        "user": asked.user_id,
        "key": key.key_id,
        "scopes": sorted(key.scopes),
        "expires_at": key.expires_at,
        "secret": secret,
    }


def _refuse_vain(config: Config, database: Database, asked: NewKey) -> None:
    if Users(database).get(asked.user_id) is None:
        words = f"no user {asked.user_id}"
        raise NotFound(words, "account-no-user", user=str(asked.user_id))
    standing = Roles(database, config.telegram.admins).standing(asked.user_id)
    vain = useless_scopes(standing, asked.scopes)
    if vain:
        named = ", ".join(vain)
        raise Refused(f"beyond the role: {named}", "account-key-beyond", scopes=named)
