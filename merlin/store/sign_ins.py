"""Rows of signed-in browsers; fulfils `account.sign_in.SignIns`. Tokens are kept as SHA-256."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from merlin.account.key import digest
from merlin.account.sign_in import IDLE, LONGEST, WITHIN_TELEGRAM, How, SignIn
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.sealed import opened
from merlin.store.web_tables import SIGN_IN

_TOKEN_BYTES = 32


class SignInRows:
    """One row a browser; what it calls itself is sealed."""

    def __init__(self, db: Database, cipher: Cipher, clock: Clock = utc_now) -> None:
        self.db = db
        self._cipher = cipher
        self._clock = clock

    @transaction
    def open(
        self, user_id: int, how: How, agent: str, source: str | None = None
    ) -> tuple[SignIn, str]:
        """Return a new one and its token, which nobody can read again.

        One that was opened by the same `source` before ends.
        """
        now, token = self._clock(), secrets.token_urlsafe(_TOKEN_BYTES)
        is_over = SIGN_IN.expires_at <= iso(now)
        is_again = SIGN_IN.source == source if source else None
        self.db.change(SIGN_IN.delete().where(is_over if is_again is None else is_over | is_again))
        row = {
            "token_hash": digest(token),
            "source": source,
            "user_id": user_id,
            "how": how.value,
            "agent": self._cipher.seal(agent),
            "at": iso(now),
            "seen_at": iso(now),
            "expires_at": iso(_end(how, now, now)),
        }
        # Two at one moment by one source: the later one stays.
        newest = {name: value for name, value in row.items() if name != "source"}
        new = SIGN_IN.insert(row).on_conflict(conflict_target=(SIGN_IN.source,), update=newest)
        self.db.put(new)
        return self._of_token(token), token

    def _of_token(self, token: str) -> SignIn:
        found = self.find(token)
        if found is None:
            raise RuntimeError("a new sign-in is not there")
        return found

    def find(self, token: str) -> SignIn | None:
        """Return the one that counts now; None for an unknown token and one that has ended."""
        this = (SIGN_IN.token_hash == digest(token)) & self._counts()
        row = self.db.row(SIGN_IN.select().where(this))
        return None if row is None else self._sign_in(row)

    @transaction
    def seen(self, sign_in_id: int) -> None:
        """Note that it is used now, which makes it last."""
        row = self.db.row(SIGN_IN.select().where((SIGN_IN.id == sign_in_id) & self._counts()))
        if row is not None:
            now = self._clock()
            end = _end(How(row["how"]), from_iso(row["at"]), now)
            newest = {"seen_at": iso(now), "expires_at": iso(end)}
            self.db.change(SIGN_IN.update(newest).where(SIGN_IN.id == sign_in_id))

    def of(self, user_id: int) -> list[SignIn]:
        """Return a person's, the newest used first."""
        mine = SIGN_IN.select().where((SIGN_IN.user_id == user_id) & self._counts())
        rows = self.db.rows(mine.order_by(SIGN_IN.seen_at.desc(), SIGN_IN.id.desc()))
        return [self._sign_in(row) for row in rows]

    @transaction
    def close(self, user_id: int, sign_in_id: int) -> bool:
        """End one; False where the person has no such one."""
        this = (SIGN_IN.id == sign_in_id) & (SIGN_IN.user_id == user_id)
        return self.db.change(SIGN_IN.delete().where(this)) > 0

    @transaction
    def close_all(self, user_id: int, but: int | None = None) -> int:
        """End all of a person, one perhaps left; return how many ended."""
        these = SIGN_IN.user_id == user_id
        if but is not None:
            these &= SIGN_IN.id != but
        return self.db.change(SIGN_IN.delete().where(these))

    def _counts(self) -> Any:
        return SIGN_IN.expires_at > iso(self._clock())

    def _sign_in(self, row: Row) -> SignIn:
        return SignIn(
            sign_in_id=row["id"],
            user_id=row["user_id"],
            how=How(row["how"]),
            agent=opened(self._cipher, row["agent"]) or "",
            at=from_iso(row["at"]),
            seen_at=from_iso(row["seen_at"]),
            expires_at=from_iso(row["expires_at"]),
        )


def _end(how: How, began: datetime, now: datetime) -> datetime:
    """Return when a sign-in ends that is used now."""
    if how is How.TELEGRAM:
        return began + WITHIN_TELEGRAM
    return min(now + IDLE, began + LONGEST)
