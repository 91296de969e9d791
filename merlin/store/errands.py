"""Rows of errands; fulfils `inbox.errand.Errands`."""

from __future__ import annotations

from typing import Any

from peewee import fn

from merlin.core.clock import from_iso
from merlin.core.request import Request, RequestState
from merlin.inbox.errand import Errand
from merlin.inbox.outgoing import OutgoingState
from merlin.store.admin_tables import ERRAND
from merlin.store.chat_tables import OUTGOING
from merlin.store.database import Database, Row, transaction
from merlin.store.tables import REQUEST
from merlin.store.values import loaded

_OVER = (RequestState.DONE.value, RequestState.FAILED.value)
_ON_THE_WAY = (OutgoingState.PENDING.value, OutgoingState.SENDING.value)


class ErrandRows:
    """One row a request that a person of one bot waits for."""

    def __init__(self, db: Database, bot_id: int) -> None:
        self.db = db
        self._bot_id = bot_id

    @transaction
    def note(self, errand: Errand) -> None:
        """Keep an errand until it is told."""
        new = {
            "bot_id": self._bot_id,
            "request_id": errand.request_id,
            "chat_id": errand.chat_id,
            "message_id": errand.message_id,
            "update_id": errand.update_id,
            "back": errand.back,
        }
        self.db.put(ERRAND.insert(new).on_conflict_ignore())

    def waits(self, chat_id: int, message_id: int) -> bool:
        """Return whether this message waits for a result already."""
        here = (ERRAND.chat_id == chat_id) & (ERRAND.message_id == message_id)
        return self.db.row(ERRAND.select().where(self._mine() & here)) is not None

    def ended(self) -> list[tuple[Errand, Request]]:
        """Return errands whose request is done or failed, once their press was answered."""
        # The result edits what the press shows, so it must not come before it.
        answer = OUTGOING.select(fn.COUNT(OUTGOING.id)).where(
            (OUTGOING.bot_id == ERRAND.bot_id)
            & (OUTGOING.update_id == ERRAND.update_id)
            & OUTGOING.state.in_(_ON_THE_WAY)
        )
        columns = [column for column in ERRAND.every() if column.name != "bot_id"]
        query = (
            ERRAND.select(*columns, *REQUEST.every())
            .join(REQUEST, on=(REQUEST.id == ERRAND.request_id))
            .where(self._mine() & REQUEST.state.in_(_OVER) & (answer == 0))
        )
        return [_ended(row) for row in self.db.rows(query.order_by(ERRAND.request_id))]

    @transaction
    def told(self, request_id: int) -> bool:
        """Forget an errand, as its result is handed over; False when somebody else did."""
        this = self._mine() & (ERRAND.request_id == request_id)
        return self.db.change(ERRAND.delete().where(this)) > 0

    def _mine(self) -> Any:
        return ERRAND.bot_id == self._bot_id


def _ended(row: Row) -> tuple[Errand, Request]:
    errand = Errand(
        request_id=row["request_id"],
        chat_id=row["chat_id"],
        message_id=row["message_id"],
        update_id=row["update_id"],
        back=row["back"],
    )
    request = Request(
        request_id=row["id"],
        kind=row["kind"],
        arguments=loaded(row["arguments"]),
        by=row["by_whom"],
        state=RequestState(row["state"]),
        created_at=from_iso(row["created_at"]),
        result=loaded(row["result"]),
    )
    return errand, request
