"""Request: a durable row by which one process asks another to act.

    waiting -> working -> done | failed

The owner claims a row by a conditional UPDATE. A row found `working` after the owner's
restart is claimed again: every kind of request must bear being done twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class RequestState(StrEnum):
    """Where a request stands; the values are what the database stores."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


class RequestKind(StrEnum):
    """What may be asked for; the values are what the database stores. The daemon does them all."""

    FETCH = "fetch"
    POLL = "poll"
    CENSUS = "census"
    BUILD = "build"
    LAUNCH = "launch"
    CANCEL = "cancel"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    PIN = "pin"
    UNPIN = "unpin"


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants what done; `kind` is the word of a RequestKind.

    `result` is what came of it, or the error's key and arguments.
    """

    request_id: int
    kind: str
    arguments: Mapping[str, object]
    by: str
    state: RequestState
    created_at: datetime
    result: Mapping[str, object] = field(default_factory=dict)


class Requests(Protocol):
    """Where requests are kept; `ask` and `finish` bump the wake counter."""

    def ask(self, kind: RequestKind, arguments: Mapping[str, object], by: str) -> int:
        """Store a request; return its id."""

    def claim(self, kinds: Sequence[RequestKind]) -> Request | None:
        """Take the oldest waiting request of these kinds, or None."""

    def finish(self, request_id: int, state: RequestState, result: Mapping[str, object]) -> None:
        """Store what came of it."""

    def get(self, request_id: int) -> Request:
        """Return the request. Raises NotFound."""

    def release(self) -> int:
        """Put back what a dead owner left `working`; return how many. Called by the leader."""


class RequestList(Protocol):
    """The same rows as they are looked through."""

    def of(self, by: str, limit: int = 50) -> list[Request]:
        """Return the newest requests of somebody, newest first."""
