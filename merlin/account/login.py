"""Login: a browser asks to be signed in, and its owner says yes in the bot.

    pending ──opened in the bot──> shown ──«Это я»──> confirmed ──the browser takes it──> (gone)
                                     └──«Это не я»──> refused

The browser keeps one secret in a cookie, the link to the bot carries another: who has the link
alone cannot sign in by it, and who has the cookie alone cannot say yes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

LIFE = timedelta(minutes=5)
# What stands before the key in a link to the bot.
PAYLOAD = "login_"


class LoginState(StrEnum):
    """How far a login has come; the values are what is stored. EXPIRED is never stored."""

    PENDING = "pending"
    SHOWN = "shown"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Login:
    """One login; `number` is two digits that browser and bot both show.

    `agent` is what the browser calls itself, `place` its shortened address. `user_id` is whoever
    opened it in the bot, None before.
    """

    login_id: int
    number: int
    agent: str
    place: str
    state: LoginState
    expires_at: datetime
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A new login with its two secrets, which nobody can read again: the link's, the browser's."""

    login: Login
    key: str
    browser: str


class Logins(Protocol):
    """Where they are kept, their secrets as SHA-256; each method is one transaction.

    One that has expired is as if it were not there.
    """

    def start(self, agent: str, place: str) -> Started:
        """Return a new one."""

    def of_browser(self, browser: str) -> Login | None:
        """Return the one that a browser asked for."""

    def show(self, key: str, user_id: int) -> Login | None:
        """Note who opened the link; None where somebody else did, or it has been answered."""

    def settle(self, login_id: int, user_id: int, *, is_own: bool) -> Login | None:
        """Say yes or no for who opened it; None for anybody else, and the second time."""

    def take(self, browser: str) -> Login | None:
        """Return a confirmed one to the browser that asked, once; then it is gone."""
