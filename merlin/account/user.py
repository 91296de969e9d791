"""User: a person who writes to the bot, with no more kept than is needed to answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class User:
    """One person by Telegram's id; `language_code` is what their client says ("en-GB", "")."""

    user_id: int
    language_code: str = ""
    is_reachable: bool = True


class Users(Protocol):
    """Where users are kept; each method is one transaction."""

    def seen(self, users: Sequence[User]) -> None:
        """Store who wrote, with their newest language; who writes can be reached again."""

    def get(self, user_id: int) -> User | None:
        """Return the user, None for somebody who never wrote."""

    def unreachable(self, user_id: int) -> None:
        """Note that messages to this person are refused."""
