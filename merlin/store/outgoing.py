"""Rows of what goes out to Telegram; fulfils `inbox.outgoing.Outbox`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from merlin.core.clock import Clock, iso, utc_now
from merlin.inbox.outgoing import MOST_TRIES, Letter, Outgoing, OutgoingState
from merlin.inbox.owner import Owner
from merlin.store import pages
from merlin.store.chat_tables import OUTGOING
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.prepared import Filled, Prepared, Slot, slots
from merlin.store.sealed import opened

_BEFORE_SENDING = (OutgoingState.PENDING.value, OutgoingState.UNKNOWN.value)
_NEW = Prepared(
    OUTGOING.insert(
        slots(
            "bot_id key chat_id update_id body state tries owner message_id created_at settled_at"
        )
    ).on_conflict_ignore()
)
_THIS = (OUTGOING.bot_id == Slot("bot")) & (OUTGOING.id == Slot("id"))
_BEGIN = Prepared(
    OUTGOING.update(
        {
            "state": OutgoingState.SENDING.value,
            "tries": OUTGOING.tries + 1,
            "owner": Slot("owner"),
        }
    ).where(_THIS & OUTGOING.state.in_(_BEFORE_SENDING) & (OUTGOING.tries < MOST_TRIES))
)
_IS_SENT = _THIS & (OUTGOING.state == OutgoingState.SENDING.value)
_SETTLE = Prepared(OUTGOING.update(slots("state message_id")).where(_IS_SENT))
_NOT_SENT = Prepared(
    OUTGOING.update({**slots("state message_id"), "tries": OUTGOING.tries - 1}).where(_IS_SENT)
)
_END = Prepared(
    OUTGOING.update({**slots("state message_id settled_at"), "body": ""}).where(_IS_SENT)
)


@cache
def _of_keys(count: int) -> Prepared:
    """Return the query for the messages of so many keys."""
    keys = [Slot(f"key{place}") for place in range(count)]
    these = (OUTGOING.bot_id == Slot("bot")) & OUTGOING.key.in_(keys)
    return Prepared(OUTGOING.select().where(these).order_by(OUTGOING.id))


class OutgoingRows:
    """The messages of one bot; what they show is sealed, and forgotten when they were sent."""

    def __init__(self, db: Database, cipher: Cipher, bot_id: int, clock: Clock = utc_now) -> None:
        self.db = db
        self._cipher = cipher
        self._bot_id = bot_id
        self._clock = clock

    @transaction
    def put(self, letters: Sequence[Letter]) -> list[Outgoing]:
        """Store the letters whose keys are new; return all of them as they now stand."""
        ids = [self.db.stored(self._new(letter)) for letter in letters]
        if all(ids):
            pending = OutgoingState.PENDING
            return [Outgoing(*one, pending) for one in zip(ids, letters, strict=True)]
        keys = {f"key{place}": letter.key for place, letter in enumerate(letters)}
        found = self.db.rows(_of_keys(len(keys))(bot=self._bot_id, **keys))
        return [self._outgoing(row) for row in found]

    def _new(self, letter: Letter) -> Filled:
        return _NEW(
            bot_id=self._bot_id,
            key=letter.key,
            chat_id=letter.chat_id,
            update_id=letter.update_id,
            body=self._cipher.seal(pages.written(letter.page, letter.spot)),
            state=OutgoingState.PENDING.value,
            tries=0,
            owner="",
            message_id=None,
            created_at=iso(self._clock()),
            settled_at=None,
        )

    @transaction
    def of_update(self, update_id: int) -> list[Outgoing]:
        """Return what answers this update, in order; what was being sent is unknown now."""
        these = OUTGOING.update_id == update_id
        self._doubt(these)
        return self._found(these)

    @transaction
    def begin(self, outgoing_id: int, owner: Owner) -> bool:
        """Turn pending or unknown to sending and count a try; False when it stands otherwise."""
        return self.db.change(_BEGIN(bot=self._bot_id, id=outgoing_id, owner=str(owner))) > 0

    @transaction
    def settle(self, outgoing_id: int, state: OutgoingState, message_id: int | None = None) -> None:
        """Store what became of the sending; `pending` when it was surely not sent."""
        is_over = state in {OutgoingState.SENT, OutgoingState.DROPPED}
        query = _END if is_over else _NOT_SENT if state is OutgoingState.PENDING else _SETTLE
        change = query(
            bot=self._bot_id,
            id=outgoing_id,
            state=state.value,
            message_id=message_id,
            settled_at=iso(self._clock()),
        )
        self.db.change(change)

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
        page, spot = pages.read(opened(self._cipher, row["body"]) or "")
        letter = Letter(row["key"], row["chat_id"], page, row["update_id"], spot)
        state = OutgoingState(row["state"])
        return Outgoing(row["id"], letter, state, row["tries"], row["message_id"])
