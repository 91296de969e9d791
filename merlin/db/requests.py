"""Requests: durable rows by which people and programs ask the daemon to act.

    waiting -> working -> done | failed

The owner claims a row by a conditional UPDATE. A row found `working` after the owner's restart is
claimed again: every kind of request must bear being done twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from merlin.core.errors import NotFound
from merlin.db.database import Repository, transaction
from merlin.db.tables import REQUEST
from merlin.db.values import RowMap, dump_json, storable_text


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
    MIGRATE = "migrate"
    CANCEL = "cancel"
    PROMOTE = "promote"
    ACCEPT = "accept"
    ROLLBACK = "rollback"
    PIN = "pin"
    UNPIN = "unpin"
    RESTORE = "restore"
    PRUNE = "prune"


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


class Requests(Repository):
    """A queue that is claimed by conditional UPDATE: of many claimers one gets a row."""

    @transaction
    def ask(self, kind: RequestKind, arguments: Mapping[str, object], by: str) -> int:
        """Store a request; return its id."""
        kind = RequestKind(kind)
        new = Request(0, kind, arguments, by, RequestState.WAITING, self._clock())
        request_id = self.db.add(REQUEST, REQUESTS.write(new, but=("request_id",)))
        self.db.bump()
        return request_id

    @transaction
    def claim(self, kinds: Sequence[RequestKind]) -> Request | None:
        """Take the oldest waiting request of these kinds, or None."""
        is_waiting = REQUEST.state == RequestState.WAITING.value
        oldest = (
            REQUEST.select()
            .where(is_waiting & REQUEST.kind.in_([str(kind) for kind in kinds]))
            .order_by(REQUEST.id)
        )
        while (row := self.db.row(oldest)) is not None:
            query = REQUEST.update({"state": RequestState.WORKING.value})
            if self.db.change(query.where((REQUEST.id == row["id"]) & is_waiting)):
                return REQUESTS.read({**row, "state": RequestState.WORKING.value})
        return None

    @transaction
    def finish(self, request_id: int, state: RequestState, result: Mapping[str, object]) -> None:
        """Store what came of it; a request that is finished already stays as it is."""
        ended = REQUEST.update({"state": state.value, "result": dump_json(dict(result))})
        is_working = REQUEST.state == RequestState.WORKING.value
        if self.db.change(ended.where((REQUEST.id == request_id) & is_working)):
            self.db.bump()

    @transaction
    def withdraw(self, request_id: int) -> None:
        """Let nobody take up a request that still waits; one that was taken up stays as it is."""
        query = REQUEST.update({"state": RequestState.FAILED.value})
        is_waiting = REQUEST.state == RequestState.WAITING.value
        if self.db.change(query.where((REQUEST.id == request_id) & is_waiting)):
            self.db.bump()

    def get(self, request_id: int) -> Request:
        """Return the request. Raises NotFound."""
        missing = NotFound(f"no request {request_id}", "store-no-request", request=request_id)
        return REQUESTS.read(self.db.one(REQUEST.select().where(REQUEST.id == request_id), missing))

    def of(self, by: str, limit: int = 50) -> list[Request]:
        """Return the newest requests of somebody, newest first."""
        query = REQUEST.select().where(REQUEST.by_whom == storable_text(by))
        return REQUESTS.read_all(self.db.rows(query.order_by(REQUEST.id.desc()).limit(limit)))

    @transaction
    def release(self) -> int:
        """Put back what a dead owner left `working`; return how many. Called by the leader."""
        query = REQUEST.update({"state": RequestState.WAITING.value})
        count = self.db.change(query.where(REQUEST.state == RequestState.WORKING.value))
        if count:
            self.db.bump()
        return count


REQUESTS = RowMap(Request, columns={"request_id": "id", "by": "by_whom"})
