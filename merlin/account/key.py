"""Key: what a program signs in with; its owner's role caps what its scopes allow.

mrl_ + 32 letters and digits + a checksum of 6, shown once, kept as SHA-256 alone
"""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from merlin.account.role import Permission, Standing

PREFIX = "mrl_"
_RANDOM, _CHECK = 32, 6
_LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase


class Scope(StrEnum):
    """What a key may be used for; the values are what is stored and what programs say."""

    COURSES_READ = "courses:read"
    FAVOURITES_WRITE = "favourites:write"
    MATERIALS_WRITE = "materials:write"
    CHAT_WRITE = "chat:write"
    ACCOUNT_READ = "account:read"
    JOBS_READ = "jobs:read"
    JOBS_ADMIN = "jobs:admin"


# What a key's owner must be allowed, for a scope to be of any use.
NEEDS: Mapping[Scope, Permission] = {
    Scope.MATERIALS_WRITE: Permission.EDIT_MATERIALS,
    Scope.CHAT_WRITE: Permission.ASK,
    Scope.JOBS_READ: Permission.WATCH,
    Scope.JOBS_ADMIN: Permission.LAUNCH,
}


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key without its secret; `hint` is how it begins, for its owner to know it by.

    `expires_at` None: it stays until it is revoked. `used_at` is exact to a minute.
    """

    key_id: int
    user_id: int
    label: str
    hint: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None


class Keys(Protocol):
    """Where keys are kept; each method is one transaction, and each change is in the audit."""

    def make(
        self,
        user_id: int,
        label: str,
        scopes: Collection[Scope],
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """Return a new key and its secret, which nobody can read again.

        Raises Refused for no scope, for a label that is too long, and for too many keys.
        """

    def find(self, secret: str) -> ApiKey | None:
        """Return the key that counts now, None for one that is unknown, revoked or expired."""

    def used(self, key_id: int) -> None:
        """Note that it was used now."""

    def of(self, user_id: int) -> list[ApiKey]:
        """Return a person's keys that count, newest first."""

    def revoke(self, user_id: int, key_id: int) -> bool:
        """End a key; False where the person has no such key."""


def beyond(standing: Standing, scopes: Collection[Scope]) -> list[Scope]:
    """Return the scopes that are of no use to somebody of this standing, each once."""
    found = {each for each in scopes if each in NEEDS and not standing.may(NEEDS[each])}
    return sorted(found)


def new_secret() -> str:
    """Return a key that nobody can guess: 190 random bits and a checksum."""
    random = "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM))
    return PREFIX + random + _checksum(random)


def is_secret(text: str) -> bool:
    """Return whether this could be a key, so that a slip of the finger asks no database."""
    if not text.startswith(PREFIX) or len(text) != len(PREFIX) + _RANDOM + _CHECK:
        return False
    random, check = text[len(PREFIX) : -_CHECK], text[-_CHECK:]
    return random.isascii() and random.isalnum() and check == _checksum(random)


def digest(secret: str) -> str:
    """Return what is stored of a key or another random secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _checksum(random: str) -> str:
    number, letters = zlib.crc32(random.encode()), ""
    for _ in range(_CHECK):
        number, place = divmod(number, len(_LETTERS))
        letters = _LETTERS[place] + letters
    return letters
