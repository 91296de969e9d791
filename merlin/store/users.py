"""Rows of the people who write; fulfils `account.user.Users`."""

from __future__ import annotations

from collections.abc import Sequence

from merlin.account.user import User
from merlin.core.clock import Clock, iso, utc_now
from merlin.store.chat_tables import USER
from merlin.store.database import Database, transaction
from merlin.store.values import plain


class UserRows:
    """One row a person, known by Telegram's id."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock

    @transaction
    def seen(self, users: Sequence[User]) -> None:
        """Store who wrote, with their newest language; who writes can be reached again."""
        for user in {user.user_id: user for user in users}.values():
            newest = {"language_code": plain(user.language_code), "is_reachable": 1}
            first = {"user_id": user.user_id, "first_seen_at": iso(self._clock()), **newest}
            is_other = (USER.language_code != newest["language_code"]) | (USER.is_reachable == 0)
            self.db.put(
                USER.insert(first).on_conflict(
                    conflict_target=(USER.user_id,), update=newest, where=is_other
                )
            )

    def get(self, user_id: int) -> User | None:
        """Return the user, None for somebody who never wrote."""
        row = self.db.row(USER.select().where(USER.user_id == user_id))
        if row is None:
            return None
        return User(row["user_id"], row["language_code"], bool(row["is_reachable"]))

    @transaction
    def unreachable(self, user_id: int) -> None:
        """Note that messages to this person are refused."""
        self.db.change(USER.update({"is_reachable": 0}).where(USER.user_id == user_id))
