"""Rows of user names and passwords; fulfils `account.account.Accounts`. Passwords are hashes."""

from __future__ import annotations

import secrets
from typing import Any

from merlin.account.account import Account, folded, good_name, new_id
from merlin.account.audit import user as told_user
from merlin.account.key import digest
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.errors import Refused
from merlin.store.account_tables import USER
from merlin.store.audit import AuditRows
from merlin.store.database import Database, Row, transaction
from merlin.store.web_tables import ACCOUNT

MOST_BROWSERS = 10
_BROWSER_BYTES = 16


class AccountRows:
    """One row a user name; of the browsers that its owner signed in with, the newest hashes."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock
        self._audit = AuditRows(db, clock)

    def of(self, user_id: int) -> Account | None:
        """Return a person's account."""
        return self._found(ACCOUNT.user_id == user_id)

    def named(self, name: str) -> Account | None:
        """Return the account of a name, as `folded` writes it."""
        return self._found(ACCOUNT.name == folded(name))

    @transaction
    def make(self, name: str, by: str) -> int:
        """Return the id of a new person without Telegram. Raises Refused for a taken name."""
        user_id = new_id()
        now = iso(self._clock())
        # No message of ours reaches somebody whom Telegram does not know.
        person = {"user_id": user_id, "language_code": "", "first_seen_at": now, "is_reachable": 0}
        self.db.put(USER.insert(person))
        self.set_name(user_id, name, by)
        return user_id

    @transaction
    def set_name(self, user_id: int, name: str, by: str) -> None:
        """Give a name, which frees the one before. Raises Refused for a taken name."""
        given = good_name(name)
        before = self.of(user_id)
        if before is not None and before.name == given:
            return
        owner = self.named(given)
        if owner is not None or not self._write(user_id, given):
            raise Refused(f"the name {given} is taken", "account-name-taken", name=given)
        told = {"name": given, "before": before.name if before else ""}
        self._audit.note(by, "account.name", told_user(user_id), told)

    def _write(self, user_id: int, name: str) -> bool:
        """Write a name; False where somebody took it at the same moment."""
        new = {"user_id": user_id, "name": name, "password": "", "browsers": ""}
        made = ACCOUNT.insert({**new, "changed_at": iso(self._clock())}).on_conflict_ignore()
        if self.db.put(made):
            return True
        if self.named(name) is not None:
            return False
        renamed = ACCOUNT.update({"name": name}).where(ACCOUNT.user_id == user_id)
        return self.db.change(renamed) > 0

    @transaction
    def set_password(self, user_id: int, hashed: str, by: str) -> None:
        """Keep a password by its hash. Raises Refused for somebody without a name."""
        newest = {"password": hashed, "changed_at": iso(self._clock()), "browsers": ""}
        if not self.db.change(ACCOUNT.update(newest).where(ACCOUNT.user_id == user_id)):
            raise Refused("no user name", "account-no-name")
        self._audit.note(by, "account.password", told_user(user_id))

    def knows(self, user_id: int, browser: str) -> bool:
        """Return whether the owner has signed in by the password in this browser before."""
        return bool(browser) and digest(browser) in self._browsers(user_id)

    @transaction
    def meet(self, user_id: int) -> str:
        """Return the secret of a browser that the owner has signed in with; the newest count."""
        secret = secrets.token_urlsafe(_BROWSER_BYTES)
        newest = [digest(secret), *self._browsers(user_id)][:MOST_BROWSERS]
        these = ACCOUNT.update({"browsers": " ".join(newest)})
        self.db.change(these.where(ACCOUNT.user_id == user_id))
        return secret

    def _browsers(self, user_id: int) -> list[str]:
        kept = self.db.value(ACCOUNT.select(ACCOUNT.browsers).where(ACCOUNT.user_id == user_id))
        return str(kept or "").split()

    def _found(self, this: Any) -> Account | None:
        row = self.db.row(ACCOUNT.select().where(this))
        return None if row is None else _account(row)


def _account(row: Row) -> Account:
    return Account(row["user_id"], row["name"], row["password"], from_iso(row["changed_at"]))
