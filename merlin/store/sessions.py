"""Rows of sessions; fulfils `chat.session.Sessions`."""

from __future__ import annotations

from merlin.chat.session import Session
from merlin.core.clock import Clock, iso, utc_now
from merlin.store.chat_tables import SESSION
from merlin.store.database import Database, Row, transaction


class SessionRows:
    """The sessions of one bot's chats; at most one of a chat is open."""

    def __init__(self, db: Database, bot_id: int, clock: Clock = utc_now) -> None:
        self.db = db
        self._bot_id = bot_id
        self._clock = clock

    @transaction
    def open(self, chat_id: int, user_id: int) -> Session:
        """Return the chat's open session; a first one is made."""
        mine = (SESSION.bot_id == self._bot_id) & (SESSION.chat_id == chat_id)
        found = self.db.row(SESSION.select().where(mine & (SESSION.is_open == 1)))
        if found is not None:
            return _session(found)
        new = {
            "bot_id": self._bot_id,
            "chat_id": chat_id,
            "user_id": user_id,
            "dataset": None,
            "model_id": None,
            "is_open": 1,
            "created_at": iso(self._clock()),
        }
        return Session(self.db.add(SESSION, new), chat_id, user_id)

    @transaction
    def renew(self, chat_id: int, user_id: int) -> Session:
        """Close the chat's session, keep it, and return a new one of the same choices."""
        old = self.open(chat_id, user_id)
        self.db.change(SESSION.update({"is_open": 0}).where(SESSION.id == old.session_id))
        new = self.open(chat_id, user_id)
        chosen = {"dataset": old.dataset, "model_id": old.model_id}
        self.db.change(SESSION.update(chosen).where(SESSION.id == new.session_id))
        return Session(new.session_id, chat_id, user_id, old.dataset, old.model_id)


def _session(row: Row) -> Session:
    return Session(
        session_id=row["id"],
        chat_id=row["chat_id"],
        user_id=row["user_id"],
        dataset=row["dataset"],
        model_id=row["model_id"],
    )
