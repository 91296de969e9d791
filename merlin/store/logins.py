"""Rows of logins that wait for a yes in the bot; fulfils `account.login.Logins`."""

from __future__ import annotations

import secrets
from typing import Any

from merlin.account.key import digest
from merlin.account.login import LIFE, Login, LoginState, Started
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.sealed import opened
from merlin.store.web_tables import LOGIN_CODE

_KEY_BYTES, _BROWSER_BYTES = 16, 32
_FIRST_NUMBER, _NUMBERS = 10, 90


class LoginRows:
    """One row a login; what the browser calls itself and its place are sealed."""

    def __init__(self, db: Database, cipher: Cipher, clock: Clock = utc_now) -> None:
        self.db = db
        self._cipher = cipher
        self._clock = clock

    @transaction
    def start(self, agent: str, place: str) -> Started:
        """Return a new one."""
        now = self._clock()
        self.db.change(LOGIN_CODE.delete().where(LOGIN_CODE.expires_at <= iso(now)))
        key, browser = secrets.token_urlsafe(_KEY_BYTES), secrets.token_urlsafe(_BROWSER_BYTES)
        row = {
            "code_hash": digest(key),
            "browser_hash": digest(browser),
            "number": _FIRST_NUMBER + secrets.randbelow(_NUMBERS),
            "agent": self._cipher.seal(agent),
            "place": self._cipher.seal(place),
            "state": LoginState.PENDING.value,
            "user_id": None,
            "at": iso(now),
            "expires_at": iso(now + LIFE),
        }
        return Started(self._login({"id": self.db.add(LOGIN_CODE, row), **row}), key, browser)

    def of_browser(self, browser: str) -> Login | None:
        """Return the one that a browser asked for."""
        return self._found(LOGIN_CODE.browser_hash == digest(browser)) if browser else None

    @transaction
    def show(self, key: str, user_id: int) -> Login | None:
        """Note who opened the link; None where somebody else did, or it has been answered."""
        this = LOGIN_CODE.code_hash == digest(key)
        is_new = (LOGIN_CODE.state == LoginState.PENDING.value) & LOGIN_CODE.user_id.is_null()
        is_mine = (LOGIN_CODE.state == LoginState.SHOWN.value) & (LOGIN_CODE.user_id == user_id)
        shown = {"state": LoginState.SHOWN.value, "user_id": user_id}
        return self._moved(this & (is_new | is_mine), shown, this)

    @transaction
    def settle(self, login_id: int, user_id: int, *, is_own: bool) -> Login | None:
        """Say yes or no for who opened it; None for anybody else, and the second time."""
        this = (LOGIN_CODE.id == login_id) & (LOGIN_CODE.user_id == user_id)
        state = LoginState.CONFIRMED if is_own else LoginState.REFUSED
        is_shown = LOGIN_CODE.state == LoginState.SHOWN.value
        return self._moved(this & is_shown, {"state": state.value}, this)

    @transaction
    def take(self, browser: str) -> Login | None:
        """Return a confirmed one to the browser that asked, once; then it is gone."""
        login = self.of_browser(browser)
        if login is None or login.state is not LoginState.CONFIRMED:
            return None
        taken = LOGIN_CODE.delete().where(LOGIN_CODE.id == login.login_id)
        return login if self.db.change(taken) else None

    def _moved(self, these: Any, values: dict[str, object], this: Any) -> Login | None:
        moved = LOGIN_CODE.update(values).where(these & self._counts())
        return self._found(this) if self.db.change(moved) else None

    def _found(self, this: Any) -> Login | None:
        row = self.db.row(LOGIN_CODE.select().where(this & self._counts()))
        return None if row is None else self._login(row)

    def _counts(self) -> Any:
        return LOGIN_CODE.expires_at > iso(self._clock())

    def _login(self, row: Row) -> Login:
        return Login(
            login_id=row["id"],
            number=row["number"],
            agent=opened(self._cipher, row["agent"]) or "",
            place=opened(self._cipher, row["place"]) or "",
            state=LoginState(row["state"]),
            expires_at=from_iso(row["expires_at"]),
            user_id=row["user_id"],
        )
