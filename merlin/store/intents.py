"""Rows of outside calls that are intended, begun or done; fulfils `core.intent.Intents`."""

from __future__ import annotations

from datetime import datetime

from merlin.core.clock import iso
from merlin.core.errors import NotFound
from merlin.core.intent import Intent, IntentState
from merlin.store.database import Database, transaction
from merlin.store.tables import INTENT
from merlin.store.values import read_time


class IntentRows:
    """One row per key; what is done stays done."""

    def __init__(self, db: Database) -> None:
        self.db = db

    @transaction
    def open(self, key: str, kind: str) -> Intent:
        """Return the intent `key`, made as `ready` when it is new."""
        new = INTENT.insert(
            {
                "key": key,
                "kind": kind,
                "state": IntentState.READY.value,
                "outside_id": "",
                "sent_at": None,
                "empty_finds": 0,
            }
        )
        self.db.put(new.on_conflict_ignore())
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

    def _set(self, key: str, **values: object) -> None:
        if not self.db.change(INTENT.update(values).where(INTENT.key == key)):
            raise NotFound(f"no intent {key}")

    def _get(self, key: str) -> Intent:
        row = self.db.row(INTENT.select().where(INTENT.key == key))
        if row is None:
            raise NotFound(f"no intent {key}")
        return Intent(
            key=row["key"],
            kind=row["kind"],
            state=IntentState(row["state"]),
            outside_id=row["outside_id"],
            sent_at=read_time(row["sent_at"]),
            empty_finds=row["empty_finds"],
        )
