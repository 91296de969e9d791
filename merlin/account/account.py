"""Account: a user name of one's own, and perhaps a password, for who has no Telegram at hand.

Somebody without any Telegram gets a number that Telegram never gives: its ids end below 2^52.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from merlin.core.errors import Refused

# Numbers that JavaScript can still count with.
FIRST_ID, LAST_ID = 2**52, 2**53 - 1
MOST_NAME = 32
_NAME = re.compile(r"[a-z](?:[._-]?[a-z0-9]){1,31}")
_RESERVED = frozenset(
    {
        *("admin", "administrator", "api", "bot", "merlin", "moderator", "owner", "root"),
        *("security", "support", "system", "telegram", "webmaster"),
    }
)


@dataclass(frozen=True, slots=True)
class Account:
    """One account; `password` is its argon2id hash, "" without one."""

    user_id: int
    name: str
    password: str = field(repr=False)
    changed_at: datetime

    @property
    def has_password(self) -> bool:
        """Return whether its owner can sign in by a password."""
        return bool(self.password)


class Accounts(Protocol):
    """Where accounts are kept; each method is one transaction, and each change is in the audit.

    `by` is as in `account.audit`.
    """

    def of(self, user_id: int) -> Account | None:
        """Return a person's account."""

    def named(self, name: str) -> Account | None:
        """Return the account of a name, as `folded` writes it."""

    def make(self, name: str, by: str) -> int:
        """Return the id of a new person without Telegram. Raises Refused for a taken name."""

    def set_name(self, user_id: int, name: str, by: str) -> None:
        """Give a name, which frees the one before. Raises Refused for a taken name."""

    def set_password(self, user_id: int, hashed: str, by: str) -> None:
        """Keep a password by its hash. Raises Refused for somebody without a name."""

    def knows(self, user_id: int, browser: str) -> bool:
        """Return whether the owner has signed in by the password in this browser before."""

    def meet(self, user_id: int) -> str:
        """Return the secret of a browser that the owner has signed in with; the newest count."""


def folded(name: str) -> str:
    """Return a name as it is compared: the one spelling of all that look the same."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def good_name(name: str) -> str:
    """Return a name as it is stored. Raises Refused for one that nobody can have."""
    found = folded(name)
    if len(found) > MOST_NAME or not _NAME.fullmatch(found):
        raise Refused("no user name", "account-name-refused", limit=MOST_NAME)
    return found


def own_name(name: str, given: frozenset[str]) -> str:
    """Return a name that people may take by themselves. Raises Refused for any other.

    `given` are names that admins alone give: those that stand in a course.yaml.
    """
    found = good_name(name)
    if found in _RESERVED or found in given:
        raise Refused("a name that admins give", "account-name-reserved", name=found)
    return found


def new_id() -> int:
    """Return an id for somebody without Telegram; ids of those who left do not come again."""
    return FIRST_ID + secrets.randbelow(LAST_ID - FIRST_ID + 1)


def is_of_telegram(user_id: int) -> bool:
    """Return whether this is somebody whom Telegram knows."""
    return user_id < FIRST_ID
