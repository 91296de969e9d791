"""Gauges: how much waits in every queue and how many jobs stand in every state; reads only."""

from __future__ import annotations

from typing import Any

from peewee import fn

from merlin.core.request import RequestState
from merlin.inbox.outgoing import OutgoingState
from merlin.inbox.update import UpdateState
from merlin.store.chat_tables import OUTGOING, UPDATE
from merlin.store.database import Database
from merlin.store.tables import JOB, NOTICE, REQUEST, Table

_WAITING_LETTERS = (OutgoingState.PENDING, OutgoingState.SENDING)


class Gauges:
    """Counts over the whole database, for those who watch it."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def queues(self) -> dict[str, int]:
        """Return what waits: requests of processes, notices, updates and letters of Telegram."""
        return {
            "requests": self._count(REQUEST, REQUEST.state == RequestState.WAITING.value),
            "notices": self._count(NOTICE, NOTICE.handed_over_at.is_null()),
            "updates": self._count(UPDATE, UPDATE.state == UpdateState.WAITING.value),
            "letters": self._count(
                OUTGOING, OUTGOING.state.in_([state.value for state in _WAITING_LETTERS])
            ),
        }

    def _count(self, table: Table, where: Any) -> int:
        return int(self.db.value(table.select(fn.COUNT(table.id)).where(where)))

    def jobs(self) -> dict[str, int]:
        """Return how many fine-tune jobs stand in each state that some job stands in."""
        counted = JOB.select(JOB.state, fn.COUNT(JOB.id).alias("count")).group_by(JOB.state)
        return {row["state"]: int(row["count"]) for row in self.db.rows(counted)}
