"""Intents: written before a call to the outside, so that a crash leaves a question, not a guess.

    ready -> sending -> done | failed

`sending` found after a start means: ask the outside before doing anything again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from merlin.core.clock import iso
from merlin.core.errors import NotFound
from merlin.db.database import Repository, transaction
from merlin.db.tables import INTENT
from merlin.db.values import RowMap


class IntentState(StrEnum):
    """Where an intended outside call stands; the values are what the database stores."""

    READY = "ready"
    SENDING = "sending"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Intent:
    """One intended outside call.

    `key` is deterministic: the same wish gives the same key in any process at any time.
    `sent_at` is when the call was last begun; `empty_finds` counts the times that the outside
    was asked since then and knew nothing of it.
    """

    key: str
    kind: str
    state: IntentState
    outside_id: str = ""
    sent_at: datetime | None = None
    empty_finds: int = 0


class Intents(Repository):
    """One row per key; what is done stays done."""

    @transaction
    def open(self, key: str, kind: str) -> Intent:
        """Return the intent `key`, made as `ready` when it is new."""
        new = _INTENTS.write(Intent(key, kind, IntentState.READY))
        self.db.add_new(INTENT, new)
        return self._get(key)

    @transaction
    def sending(self, key: str, at: datetime) -> None:
        """Note that the call begins now; resets `empty_finds`."""
        self._set(key, state=IntentState.SENDING.value, sent_at=iso(at), empty_finds=0)

    @transaction
    def found_nothing(self, key: str) -> int:
        """Count one empty find; return how many there are now."""
        self._set(key, empty_finds=INTENT.empty_finds + 1)
        return self._get(key).empty_finds

    @transaction
    def ready(self, key: str) -> None:
        """Note that the call was surely not carried out."""
        self._set(key, state=IntentState.READY.value)

    @transaction
    def done(self, key: str, outside_id: str) -> None:
        """Note the outside's own id."""
        self._set(key, state=IntentState.DONE.value, outside_id=outside_id)

    @transaction
    def failed(self, key: str) -> None:
        """Note that the outside refused for good."""
        self._set(key, state=IntentState.FAILED.value)

    def of_kind(self, kind: str) -> dict[str, Intent]:
        """Return the intents of one kind, by key."""
        rows = self.db.rows(INTENT.select().where(INTENT.kind == kind))
        return {row["key"]: _INTENTS.read(row) for row in rows}

    def _set(self, key: str, **values: object) -> None:
        if not self.db.change(INTENT.update(values).where(INTENT.key == key)):
            raise NotFound(f"no intent {key}")

    def _get(self, key: str) -> Intent:
        row = self.db.one(INTENT.select().where(INTENT.key == key), NotFound(f"no intent {key}"))
        return _INTENTS.read(row)


_INTENTS = RowMap(Intent)
