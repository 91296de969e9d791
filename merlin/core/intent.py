"""Intent: a row written before an outside call, so that a crash leaves a question, not a guess.

    ready -> sending -> done | failed

`sending` found after a start means: ask the outside before doing anything again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


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


class Intents(Protocol):
    """Where intents are kept; each method is one transaction."""

    def open(self, key: str, kind: str) -> Intent:
        """Return the intent `key`, made as `ready` when it is new."""

    def sending(self, key: str, at: datetime) -> None:
        """Note that the call begins now; resets `empty_finds`."""

    def found_nothing(self, key: str) -> int:
        """Count one empty find; return how many there are now."""

    def ready(self, key: str) -> None:
        """Note that the call was surely not carried out."""

    def done(self, key: str, outside_id: str) -> None:
        """Note the outside's own id."""

    def failed(self, key: str) -> None:
        """Note that the outside refused for good."""
