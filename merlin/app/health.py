"""Gauges: how much waits in every queue and how many jobs stand in every state; reads only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from peewee import fn

from merlin.app.inbox import UpdateState
from merlin.app.outbox import OutgoingState
from merlin.core.clock import from_iso, iso
from merlin.db.database import Database
from merlin.db.requests import RequestState
from merlin.db.tables import JOB, NOTICE, OUTGOING, REQUEST, UPDATE, Table
from merlin.training.jobs import JobState

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

    def oldest(self) -> dict[str, datetime]:
        """Return since when the oldest of each queue of `queues` waits; no more than wait."""
        found = {
            "requests": self._first(REQUEST, REQUEST.state == RequestState.WAITING.value),
            "notices": self._first(NOTICE, NOTICE.handed_over_at.is_null()),
            "updates": self._first(
                UPDATE, UPDATE.state == UpdateState.WAITING.value, "received_at"
            ),
            "letters": self._first(
                OUTGOING, OUTGOING.state.in_([state.value for state in _WAITING_LETTERS])
            ),
        }
        return {name: from_iso(at) for name, at in found.items() if at is not None}

    def _first(self, table: Table, where: Any, column: str = "created_at") -> str | None:
        found = self.db.value(table.select(fn.MIN(getattr(table, column))).where(where))
        return None if found is None else str(found)

    def failures(self, since: datetime) -> dict[str, int]:
        """Return what failed since then: updates of Telegram, requests, fine-tune jobs."""
        failed, after = JobState.FAILED.value, iso(since)
        return {
            "updates": self._count(
                UPDATE,
                (UPDATE.state == UpdateState.FAILED.value) & (UPDATE.finished_at >= after),
            ),
            "requests": self._count(
                REQUEST,
                (REQUEST.state == RequestState.FAILED.value) & (REQUEST.created_at >= after),
            ),
            "jobs": self._count(JOB, (JOB.state == failed) & (JOB.updated_at >= after)),
        }

    def _count(self, table: Table, where: Any) -> int:
        return int(self.db.value(table.select(fn.COUNT(table.id)).where(where)))

    def jobs(self) -> dict[str, int]:
        """Return how many fine-tune jobs stand in each state that some job stands in."""
        counted = JOB.select(JOB.state, fn.COUNT(JOB.id).alias("count")).group_by(JOB.state)
        return {row["state"]: int(row["count"]) for row in self.db.rows(counted)}
