"""User: a person who writes to the bot, with no more kept than is needed to answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from merlin.core.text import language_of


@dataclass(frozen=True, slots=True)
class User:
    """One person by Telegram's id; `language_code` is what their client says ("en-GB", "").

    `language` ("ru", "en") and `zone` (an IANA name) are their own choices, None without one.
    `plan` None is the default plan; `terms` are the plans that they have for a time and that run
    now. `shown_name` is what they are called, for commits in their
    name; `terms_seen` the version of the terms that they were shown; "" without one.
    """

    user_id: int
    language_code: str = ""
    is_reachable: bool = True
    language: str | None = None
    zone: str | None = None
    plan: str | None = None
    is_blocked: bool = False
    shown_name: str = ""
    terms_seen: str = ""
    terms: tuple[str, ...] = ()

    @property
    def plans(self) -> tuple[str, ...]:
        """Return the names of all plans that they have now beside the default one."""
        return self.terms if self.plan is None else (self.plan, *self.terms)

    def speaks(self, default: str) -> str:
        """Return the language to answer in: their choice, else their client's, else `default`."""
        return language_of(self.language or self.language_code, default)


class Choices(Protocol):
    """What people set for themselves; each method is one transaction.

    Somebody who never wrote is passed over.
    """

    def set_language(self, user_id: int, language: str | None) -> None:
        """Keep the language chosen; None: their client's. Raises Refused for an unknown one."""

    def set_zone(self, user_id: int, zone: str | None) -> None:
        """Keep the time zone chosen; None: the config's. Raises Refused for an unknown one."""

    def set_name(self, user_id: int, shown_name: str) -> None:
        """Keep what the person is called; "" forgets it."""

    def saw_terms(self, user_id: int, version: str) -> None:
        """Note which version of the terms the person was shown."""


class Users(Choices, Protocol):
    """Where users are kept; each method is one transaction."""

    def seen(self, users: Sequence[User]) -> None:
        """Store who wrote, with their newest language; who writes can be reached again."""

    def met(self, user: User) -> None:
        """Store who asked in a group or signed in; no message of ours can reach them for it."""

    def get(self, user_id: int) -> User | None:
        """Return the user, None for somebody who never wrote."""

    def unreachable(self, user_id: int) -> None:
        """Note that messages to this person are refused."""


class Register(Protocol):
    """The admins' side of the users; what changes somebody is noted in the audit."""

    def find(self, words: str, limit: int = 20) -> list[User]:
        """Return the user of an id, or those whose name holds `words`, in any case."""

    def count(self) -> int:
        """Return how many people have written."""

    def listed(self, offset: int, limit: int) -> list[User]:
        """Return users, newest first."""

    def block(self, user_id: int, by: str, *, is_blocked: bool = True) -> bool:
        """Stop answering somebody, or begin again; False when it was so already.

        Raises NotFound for somebody who never wrote.
        """

    def set_plan(self, user_id: int, plan: str | None, by: str) -> None:
        """Give a plan by its name; None: the default one. Raises NotFound as `block` does."""
