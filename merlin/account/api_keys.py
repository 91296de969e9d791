"""API keys of programs: their format, scopes and storage.

    mrl_ + 48 hexadecimal digits

A key is shown once. The database stores its SHA-256 and its first characters. The owner's role
limits what its scopes allow.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from merlin.core.clock import iso
from merlin.core.errors import Refused
from merlin.core.formatted_text import is_blank
from merlin.core.permissions import Permission
from merlin.core.views import INTERNAL
from merlin.db.audit import Audit, person_reference
from merlin.db.database import Repository, transaction
from merlin.db.encryption import digest
from merlin.db.tables import API_KEY
from merlin.db.values import RowMap

PREFIX = "mrl_"
_KEY_BYTES = 24


class Scope(StrEnum):
    """The scope of an API key."""

    # The values are stored in the database.
    COURSES_READ = "courses:read"
    FAVOURITES_WRITE = "favourites:write"
    MATERIALS_WRITE = "materials:write"
    CHAT_WRITE = "chat:write"
    ACCOUNT_READ = "account:read"
    JOBS_READ = "jobs:read"
    JOBS_ADMIN = "jobs:admin"


# The permission that a key's owner needs for a scope to have an effect.
REQUIRED_PERMISSIONS: Mapping[Scope, Permission] = {
    Scope.MATERIALS_WRITE: Permission.EDIT_MATERIALS,
    Scope.CHAT_WRITE: Permission.ASK,
    Scope.JOBS_READ: Permission.WATCH,
    Scope.JOBS_ADMIN: Permission.LAUNCH,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key, without its secret.

    `hint` is how the secret begins; `expires_at` None: never. `last_used_at` is to the minute.
    """

    id: int
    user_id: int = field(metadata=INTERNAL)
    label: str
    hint: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


def is_secret(text: str) -> bool:
    """Return whether the text is a key, valid or not, and no token of a browser."""
    return text.startswith(PREFIX)


MAX_KEYS = 50
MAX_LABEL_LENGTH = 80
MAX_DAYS = 3650
_KEYS = RowMap(ApiKey, sealed=API_KEY.sealed)
_HINT = len(PREFIX) + 4


class ApiKeys(Repository):
    """One row for each key, including revoked ones; its label is encrypted."""

    @transaction
    def make(
        self,
        user_id: int,
        label: str,
        scopes: Collection[Scope],
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """Return a new key and its secret, which cannot be read again.

        Raises Refused without a scope, for a blank or too long label, and for too many keys.
        """
        label = " ".join(label.split())
        is_full = self.db.count(API_KEY, self._is_valid_of(user_id)) >= MAX_KEYS
        if not scopes or is_blank(label) or len(label) > MAX_LABEL_LENGTH or is_full:
            raise Refused("a key that cannot be", "account-key-refused", limit=MAX_KEYS)
        secret = PREFIX + secrets.token_hex(_KEY_BYTES)
        row = {
            "key_hash": digest(secret),
            "hint": secret[:_HINT],
            "user_id": user_id,
            "label": self.db.cipher.seal(label),
            "scopes": " ".join(sorted(scopes)),
            "created_at": iso(self._clock()),
            "expires_at": iso(expires_at) if expires_at else None,
            "last_used_at": None,
        }
        self.db.add(API_KEY, row)
        stored = API_KEY.select().where(API_KEY.key_hash == row["key_hash"])
        key = _KEYS.read(self.db.rows(stored)[0], self.db)
        values = {"key": key.id, "scopes": row["scopes"]}
        reference = person_reference(user_id)
        Audit(self.db, self._clock).note(reference, "key.make", reference, values)
        return key, secret

    def find(self, secret: str) -> ApiKey | None:
        """Return the valid key with this secret, None if unknown, revoked or expired."""
        condition = (API_KEY.key_hash == digest(secret)) & self._is_valid()
        return _KEYS.find(self.db, API_KEY.select().where(condition))

    @transaction
    def record_use(self, key_id: int) -> None:
        """Store the time of use."""
        self.db.update(API_KEY, API_KEY.id == key_id, last_used_at=iso(self._clock()))

    def list_valid(self, user_id: int) -> list[ApiKey]:
        """Return a person's valid keys, newest first."""
        query = API_KEY.select().where(self._is_valid_of(user_id))
        return _KEYS.read_all(self.db, query.order_by(API_KEY.id.desc()))

    @transaction
    def revoke(self, user_id: int, key_id: int) -> bool:
        """Revoke a key; False if the person has no such key."""
        condition = self._is_valid_of(user_id) & (API_KEY.id == key_id)
        is_ended = self._mark_revoked(API_KEY, condition)
        if is_ended:
            reference = person_reference(user_id)
            Audit(self.db, self._clock).note(
                reference, "key.revoke", reference, {"key": key_id}
            )
        return is_ended

    @transaction
    def revoke_all(self, user_id: int) -> int:
        """Revoke every key of a person; return their number."""
        keys = self.list_valid(user_id)
        self._mark_revoked(API_KEY, API_KEY.id.in_([key.id for key in keys]))
        return len(keys)

    def _is_valid(self) -> Any:
        is_in_time = API_KEY.expires_at.is_null() | (
            API_KEY.expires_at > iso(self._clock())
        )
        return API_KEY.revoked_at.is_null() & is_in_time

    def _is_valid_of(self, user_id: int) -> Any:
        return (API_KEY.user_id == user_id) & self._is_valid()
