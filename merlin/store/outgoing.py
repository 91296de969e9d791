"""Rows of what goes out to Telegram; fulfils `inbox.outgoing.Outbox`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import Insert

from merlin.core.clock import Clock, iso, utc_now
from merlin.inbox.outgoing import MOST_TRIES, Letter, Outgoing, OutgoingState
from merlin.inbox.owner import Owner
from merlin.store.chat_tables import OUTGOING
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.sealed import opened

_BEFORE_SENDING = (OutgoingState.PENDING.value, OutgoingState.UNKNOWN.value)


class OutgoingRows:
    """The messages of one bot; their texts are sealed, and forgotten when they were sent."""

    def __init__(self, db: Database, cipher: Cipher, bot_id: int, clock: Clock = utc_now) -> None:
        self.db = db
        self._cipher = cipher
        self._bot_id = bot_id
        self._clock = clock

    @transaction
    def put(self, letters: Sequence[Letter]) -> list[Outgoing]:
        """Store the letters whose keys are new; return all of them as they now stand."""
        for letter in letters:
            self.db.put(self._new(letter).on_conflict_ignore())
        keys = [letter.key for letter in letters]
        return self._found(OUTGOING.key.in_(keys)) if keys else []

    def _new(self, letter: Letter) -> Insert:
        new = {
            "bot_id": self._bot_id,
            "key": letter.key,
            "chat_id": letter.chat_id,
            "update_id": letter.update_id,
            "body": self._cipher.seal(letter.text),
            "state": OutgoingState.PENDING.value,
            "tries": 0,
            "owner": "",
            "message_id": None,
            "created_at": iso(self._clock()),
            "settled_at": None,
        }
        query: Insert = OUTGOING.insert(new)
        return query

    @transaction
    def of_update(self, update_id: int) -> list[Outgoing]:
        """Return what answers this update, in order; what was being sent is unknown now."""
        these = OUTGOING.update_id == update_id
        self._doubt(these)
        return self._found(these)

    @transaction
    def begin(self, outgoing_id: int, owner: Owner) -> bool:
        """Turn pending or unknown to sending and count a try; False when it stands otherwise."""
        begun = OUTGOING.update(
            {"state": OutgoingState.SENDING.value, "tries": OUTGOING.tries + 1, "owner": str(owner)}
        )
        may_begin = (
            self._mine()
            & (OUTGOING.id == outgoing_id)
            & OUTGOING.state.in_(_BEFORE_SENDING)
            & (OUTGOING.tries < MOST_TRIES)
        )
        return self.db.change(begun.where(may_begin)) > 0

    @transaction
    def settle(self, outgoing_id: int, state: OutgoingState, message_id: int | None = None) -> None:
        """Store what became of the sending; `pending` when it was surely not sent."""
        change: dict[str, object] = {"state": state.value, "message_id": message_id}
        if state is OutgoingState.PENDING:
            change["tries"] = OUTGOING.tries - 1
        elif state in {OutgoingState.SENT, OutgoingState.DROPPED}:
            change |= {"body": "", "settled_at": iso(self._clock())}
        sending = (OUTGOING.id == outgoing_id) & (OUTGOING.state == OutgoingState.SENDING.value)
        self.db.change(OUTGOING.update(change).where(self._mine() & sending))

    @transaction
    def drop(self, chat_id: int) -> int:
        """Drop everything that waits for this chat; return how many."""
        dropped = {
            "state": OutgoingState.DROPPED.value,
            "body": "",
            "settled_at": iso(self._clock()),
        }
        waiting = (OUTGOING.chat_id == chat_id) & OUTGOING.state.in_(_BEFORE_SENDING)
        return self.db.change(OUTGOING.update(dropped).where(self._mine() & waiting))

    @transaction
    def loose(self, owner: Owner, limit: int) -> list[Outgoing]:
        """Return what answers no update and waits, oldest first."""
        loose = OUTGOING.update_id.is_null()
        for holder in self._holders(loose):
            if owner.outlived(holder):
                self._doubt(loose & (OUTGOING.owner == holder))
        waiting = OUTGOING.state.in_(_BEFORE_SENDING) & (OUTGOING.tries < MOST_TRIES)
        return self._found(loose & waiting, limit)

    def _holders(self, these: Any) -> list[str]:
        sending = self._mine() & these & (OUTGOING.state == OutgoingState.SENDING.value)
        rows = self.db.rows(OUTGOING.select(OUTGOING.owner).where(sending).distinct())
        return [row["owner"] for row in rows]

    def _doubt(self, these: Any) -> None:
        sending = self._mine() & these & (OUTGOING.state == OutgoingState.SENDING.value)
        self.db.change(OUTGOING.update({"state": OutgoingState.UNKNOWN.value}).where(sending))

    def _mine(self) -> Any:
        return OUTGOING.bot_id == self._bot_id

    def _found(self, these: Any, limit: int | None = None) -> list[Outgoing]:
        found = OUTGOING.select().where(self._mine() & these).order_by(OUTGOING.id)
        return [self._outgoing(row) for row in self.db.rows(found.limit(limit))]

    def _outgoing(self, row: Row) -> Outgoing:
        text = opened(self._cipher, row["body"]) or ""
        letter = Letter(row["key"], row["chat_id"], text, row["update_id"])
        state = OutgoingState(row["state"])
        return Outgoing(row["id"], letter, state, row["tries"], row["message_id"])
