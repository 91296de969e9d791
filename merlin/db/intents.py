"""Intents: stored before a call to an outside service, so that a crash loses no call.

    ready -> sending -> done | failed

An intent found `sending` after a restart may have been carried out: the service is asked before
the call is repeated.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from merlin.core.clock import iso
from merlin.core.errors import NotFound
from merlin.db.database import Repository, transaction
from merlin.db.tables import INTENT
from merlin.db.values import RowMap


class IntentState(StrEnum):
    """The state of an intended outside call."""

    # The values are stored in the database.
    READY = "ready"
    SENDING = "sending"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Intent:
    """One intended outside call.

    `key` is deterministic: the same input gives the same key in any process at any time.
    `sent_at` is when the call was last started; `empty_finds` counts the searches since then that
    did not find it.
    """

    key: str
    kind: str
    state: IntentState
    outside_id: str = ""
    sent_at: datetime | None = None
    empty_finds: int = 0


class Intents(Repository):
    """One row for each key; a done intent stays done."""

    @transaction
    def open(self, key: str, kind: str) -> Intent:
        """Return the intent `key`, created as `ready` if it is new."""
        new = _INTENTS.write(Intent(key, kind, IntentState.READY))
        self.db.add_new(INTENT, new)
        return self._get(key)

    @transaction
    def mark_sending(self, key: str, at: datetime) -> None:
        """Store that the call starts now; resets `empty_finds`."""
        self._set(key, **_sending(at))

    @transaction
    def start_sending(self, known: Intent, at: datetime) -> bool:
        """Mark as sending, unless another process did so since `known` was read: then False.

        A daemon that was suspended for long continues where another one has led since.
        """
        row = _INTENTS.write(known)
        is_unchanged = (INTENT.state == row["state"]) & (
            INTENT.sent_at == row["sent_at"]
        )
        return self.db.update(
            INTENT, (INTENT.key == known.key) & is_unchanged, **_sending(at)
        )

    @transaction
    def count_empty_find(self, key: str) -> int:
        """Count one search without a result; return the count."""
        self._set(key, empty_finds=INTENT.empty_finds + 1)
        return self._get(key).empty_finds

    @transaction
    def mark_ready(self, key: str) -> None:
        """Store that the call was certainly not carried out."""
        self._set(key, state=IntentState.READY.value)

    @transaction
    def mark_done(self, key: str, outside_id: str) -> None:
        """Store the outside service's own id."""
        self._set(key, state=IntentState.DONE.value, outside_id=outside_id)

    @transaction
    def mark_failed(self, key: str) -> None:
        """Store that the service finally refused the call."""
        self._set(key, state=IntentState.FAILED.value)

    def list_of_kind(self, kind: str) -> dict[str, Intent]:
        """Return the intents of one kind, by key."""
        rows = self.db.rows(INTENT.select().where(INTENT.kind == kind))
        return {row.key: _INTENTS.read(row) for row in rows}

    def _set(self, key: str, **values: object) -> None:
        if not self.db.update(INTENT, INTENT.key == key, **values):
            raise NotFound(f"no intent {key}")

    def _get(self, key: str) -> Intent:
        row = self.db.get_row(
            INTENT.select().where(INTENT.key == key), NotFound(f"no intent {key}")
        )
        return _INTENTS.read(row)


_INTENTS = RowMap(Intent)


def _sending(at: datetime) -> dict[str, object]:
    return {"state": IntentState.SENDING.value, "sent_at": iso(at), "empty_finds": 0}
