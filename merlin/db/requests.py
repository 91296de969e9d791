"""Requests: durable rows by which people and programs ask the daemon to act.

    waiting -> working -> done | failed

The daemon claims a row by a conditional UPDATE. A row found `working` after a restart is claimed
again, so every kind of request must be idempotent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from peewee import fn

from merlin.core.clock import iso
from merlin.core.errors import MerlinError, NotFound
from merlin.core.json_fields import get_object, get_text
from merlin.db.database import Repository, transaction
from merlin.db.tables import REQUEST
from merlin.db.values import RowMap, dump_json, storable_text


class RequestState(StrEnum):
    """The state of a request."""

    # The values are stored in the database.
    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


class RequestKind(StrEnum):
    """The kind of a request to the daemon."""

    # The values are stored in the database.
    FETCH = "fetch"
    CENSUS = "census"
    BUILD = "build"
    LAUNCH = "launch"
    CANCEL = "cancel"
    PROMOTE = "promote"
    ACCEPT = "accept"
    ROLLBACK = "rollback"
    PIN = "pin"
    UNPIN = "unpin"
    ADD = "add"


# The argument that holds the idempotency key, by which a repeated call finds its request.
KEY_ARGUMENT = "call"


@dataclass(frozen=True, slots=True)
class Request:
    """A request and its author; `kind` is a value of RequestKind.

    `result` is its result, or the error's key and arguments.
    """

    request_id: int
    kind: str
    arguments: Mapping[str, object]
    by: str
    state: RequestState
    created_at: datetime
    result: Mapping[str, object] = field(default_factory=dict)

    @property
    def once(self) -> str:
        """Return the idempotency key, "" for none."""
        return str(self.arguments.get(KEY_ARGUMENT, ""))

    @property
    def error(self) -> MerlinError:
        """Return the error of a failed request."""
        arguments = dict(get_object(self.result, "arguments"))
        arguments.pop("message", None)
        return MerlinError(
            get_text(self.result, "message"), get_text(self.result, "key"), **arguments
        )


class Requests(Repository):
    """A queue that is claimed by conditional UPDATE: of several claimers one gets a row."""

    @transaction
    def ask(self, kind: RequestKind, arguments: Mapping[str, object], by: str) -> int:
        """Store a request; return its id."""
        kind = RequestKind(kind)
        new = Request(0, kind, arguments, by, RequestState.WAITING, self._clock())
        request_id = self.db.add(REQUEST, REQUESTS.write(new, but=("request_id",)))
        self.db.announce_change()
        return request_id

    @transaction
    def claim(self, kinds: Sequence[RequestKind]) -> Request | None:
        """Claim the oldest waiting request of these kinds; None if there is none."""
        is_waiting = REQUEST.state == RequestState.WAITING.value
        oldest = (
            REQUEST.select()
            .where(is_waiting & REQUEST.kind.in_([str(kind) for kind in kinds]))
            .order_by(REQUEST.id)
        )
        while (row := self.db.row(oldest)) is not None:
            claimed = {"state": RequestState.WORKING.value}
            if self.db.update(REQUEST, (REQUEST.id == row.id) & is_waiting, **claimed):
                return REQUESTS.read(row._replace(**claimed))
        return None

    @transaction
    def finish(
        self, request_id: int, state: RequestState, result: Mapping[str, object]
    ) -> None:
        """Store the result; a finished request stays unchanged."""
        ended = {"state": state.value, "result": dump_json(dict(result))}
        is_working = REQUEST.state == RequestState.WORKING.value
        if self.db.update(REQUEST, (REQUEST.id == request_id) & is_working, **ended):
            self.db.announce_change()

    @transaction
    def withdraw(self, request_id: int) -> bool:
        """Cancel a waiting request, or mark a failed one as known to its author.

        A claimed one stays unchanged, and False is returned.
        """
        failed = RequestState.FAILED.value
        is_open = REQUEST.state.in_([RequestState.WAITING.value, failed])
        may_withdraw = (REQUEST.id == request_id) & is_open
        is_changed = bool(
            self.db.update(REQUEST, may_withdraw, state=failed, result=dump_json({}))
        )
        if is_changed:
            self.db.announce_change()
        return is_changed

    def get(self, request_id: int) -> Request:
        """Return the request. Raises NotFound."""
        missing = NotFound(
            f"no request {request_id}", "store-no-request", request=request_id
        )
        return REQUESTS.read(
            self.db.get_row(REQUEST.select().where(REQUEST.id == request_id), missing)
        )

    def list_of_author(self, by: str, limit: int = 50) -> list[Request]:
        """Return the newest requests of one author, newest first."""
        query = REQUEST.select().where(REQUEST.by_whom == storable_text(by))
        return REQUESTS.read_all(
            self.db, query.order_by(REQUEST.id.desc()).limit(limit)
        )

    def list_failed(self, since: datetime, limit: int) -> list[Request]:
        """Return the requests that failed since a time, newest first.

        Without those withdrawn, and those that were repeated with success.
        """
        again = REQUEST.alias("again")
        is_same = (again.kind == REQUEST.kind) & (again.arguments == REQUEST.arguments)
        is_later = (again.id > REQUEST.id) & (again.state == RequestState.DONE.value)
        failed = REQUEST.select().where(
            (REQUEST.state == RequestState.FAILED.value)
            & (REQUEST.result != dump_json({}))
            & (REQUEST.created_at >= iso(since))
            & ~fn.EXISTS(again.select(again.id).where(is_same & is_later))
        )
        return REQUESTS.read_all(
            self.db, failed.order_by(REQUEST.id.desc()).limit(limit)
        )

    @transaction
    def release(self) -> int:
        """Requeue what a dead owner left `working`; return how many. Called by the leader."""
        query = REQUEST.update({"state": RequestState.WAITING.value})
        count = self.db.change(query.where(REQUEST.state == RequestState.WORKING.value))
        if count:
            self.db.announce_change()
        return count


REQUESTS = RowMap(Request, columns={"request_id": "id", "by": "by_whom"})
