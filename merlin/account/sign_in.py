"""SignIn: a browser that somebody is signed in with, known by a random token in its cookie."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

# Unused for so long it ends; however much it is used, it ends at last.
IDLE = timedelta(days=14)
LONGEST = timedelta(days=90)
# Within Telegram everyone is signed in anew at each opening.
WITHIN_TELEGRAM = timedelta(hours=12)


class How(StrEnum):
    """By what somebody signed in; the values are what is stored."""

    TELEGRAM = "telegram"
    CODE = "code"
    PASSWORD = "password"  # noqa: S105 - a word, no secret
    OPENID = "openid"


@dataclass(frozen=True, slots=True)
class SignIn:
    """One browser; `agent` is what it calls itself, in a few words ("Firefox, Linux")."""

    sign_in_id: int
    user_id: int
    how: How
    agent: str
    at: datetime
    seen_at: datetime
    expires_at: datetime


class SignIns(Protocol):
    """Where they are kept, their tokens as SHA-256; each method is one transaction."""

    def open(
        self, user_id: int, how: How, agent: str, source: str | None = None
    ) -> tuple[SignIn, str]:
        """Return a new one and its token, which nobody can read again.

        `source` marks what it was opened by, where that can come twice: the one before ends.
        """

    def find(self, token: str) -> SignIn | None:
        """Return the one that counts now; None for an unknown token and one that has ended."""

    def seen(self, sign_in_id: int) -> None:
        """Note that it is used now, which makes it last."""

    def of(self, user_id: int) -> list[SignIn]:
        """Return a person's, the newest used first."""

    def close(self, user_id: int, sign_in_id: int) -> bool:
        """End one; False where the person has no such one."""

    def close_all(self, user_id: int, but: int | None = None) -> int:
        """End all of a person, one perhaps left; return how many ended."""
