"""What is asked of the daemon, and what came of it; acts of a form, each done once.

A form may be pressed twice: `perform_once` does what it asks for the first time alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Concatenate, ParamSpec, TypeVar

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Permission, Role
from merlin.db.audit import Audit
from merlin.db.database import lock_user
from merlin.db.idempotency import (
    IdempotencyKeys,
    StartedCall,
    StoredResponse,
)
from merlin.db.requests import Request, RequestKind, Requests, RequestState

P = ParamSpec("P")
T = TypeVar("T")
_DONE = StoredResponse(204, "", "")


def perform_once(
    ctx: Context,
    actor: Actor,
    once: str,
    act: Callable[Concatenate[Context, Actor, P], T],
    /,
    *args: P.args,
    **named: P.kwargs,
) -> T | None:
    """Return what an act returns, None where the same one was performed for this mark already.

    Both are one transaction: what the act raises leaves the mark free. Raises Refused where the
    mark belongs to another call.
    """

    def work() -> T | None:
        rows = IdempotencyKeys(ctx.db, ctx.clock)
        text = f"{act.__module__}.{act.__name__}{args}{sorted(named.items())}"
        found = rows.begin(actor.user_id, once, text)
        if isinstance(found, str):
            raise Refused(found, f"api-problem-idempotency-{found}-detail")
        if not isinstance(found, StartedCall):
            return None
        result = act(ctx, actor, *args, **named)
        rows.end(found, _DONE)
        return result

    return ctx.db.joined(work)


__all__ = ["Request", "RequestKind", "RequestState", "get", "recent", "submit_request"]

# The argument by which a call that is repeated finds what it asked for already.
_CALL = "call"
_RECENT = 100


def submit_request(
    ctx: Context,
    actor: Actor,
    kind: RequestKind,
    arguments: Mapping[str, object],
    target: str,
    once: str = "",
) -> Request:
    """Queue a request for the daemon and note it in the audit, in one transaction.

    `target` is what the audit names. With the same `once` the first request is returned.
    """

    def submit() -> Request:
        rows, marked = Requests(ctx.db, ctx.clock), dict(arguments)
        if once:
            # Two calls at once, by two processes, look one after the other.
            lock_user(ctx.db, actor.user_id, ctx.clock)
            for earlier in rows.of(actor.name, _RECENT):
                if earlier.arguments.get(_CALL) == once:
                    return _plain(earlier)
            marked[_CALL] = once
        request_id = rows.ask(kind, marked, actor.name)
        Audit(ctx.db, ctx.clock).note(actor.name, f"ask.{kind.value}", target, dict(arguments))
        return _plain(rows.get(request_id))

    return ctx.db.joined(submit)


def fetch(ctx: Context, actor: Actor) -> Request:
    """Ask the daemon to read the repository, which changes nothing that an audit would tell."""
    rows = Requests(ctx.db, ctx.clock)
    return rows.get(rows.ask(RequestKind.FETCH, {}, actor.name))


def recent(ctx: Context, actor: Actor, limit: int = 50) -> list[Request]:
    """Return the actor's own requests, newest first."""
    return [_plain(each) for each in Requests(ctx.db).of(actor.name, limit)]


def get(ctx: Context, actor: Actor, request_id: int) -> Request:
    """Return an own request, or any of a dataset that the actor may watch. Raises NotFound."""
    request = Requests(ctx.db).get(request_id)
    dataset = request.arguments.get("dataset")
    is_known = actor.standing.role is not Role.TEACHER or isinstance(dataset, str)
    may_watch = actor.may(Permission.WATCH, str(dataset) if dataset else None)
    if request.by != actor.name and not (is_known and may_watch):
        raise NotFound(f"no request {request_id}", "store-no-request", request=request_id)
    return _plain(request)


def _plain(request: Request) -> Request:
    """Return a request without the mark of its call."""
    values = {key: value for key, value in request.arguments.items() if key != _CALL}
    return replace(request, arguments=values)
