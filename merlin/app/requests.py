"""Requests to the daemon and their results."""

from collections.abc import Mapping
from dataclasses import replace

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.errors import NotFound
from merlin.core.permissions import Permission, Role
from merlin.db.audit import Audit
from merlin.db.database import lock_user, transaction
from merlin.db.requests import (
    KEY_ARGUMENT,
    Request,
    RequestKind,
    Requests,
    RequestState,
)

_RECENT = 100
# The author of the requests of pushes.
_PUSHES = "api:hook"


@transaction
def submit_request(
    ctx: Context,
    actor: Actor,
    kind: RequestKind,
    arguments: Mapping[str, object],
    target: str,
    once: str = "",
) -> Request:
    """Queue a request for the daemon and add it to the audit log, in one transaction.

    `target` is the subject in the audit log. The same `once` returns the first request.
    """
    requests = Requests(ctx.db, ctx.clock)
    stored_arguments = dict(arguments)
    if once:
        # Serialize concurrent calls of several processes.
        lock_user(ctx.db, actor.user_id, ctx.clock)
        for earlier in requests.list_of_author(actor.name, _RECENT):
            if earlier.once == once:
                return _drop_key(earlier)
        stored_arguments[KEY_ARGUMENT] = once
    request_id = requests.ask(kind, stored_arguments, actor.name)
    Audit(ctx.db, ctx.clock).note(
        actor.name, f"ask.{kind.value}", target, dict(arguments)
    )
    return _drop_key(requests.get(request_id))


def fetch(ctx: Context, actor: Actor) -> Request:
    """Ask the daemon to fetch the repository; not in the audit log, because it changes nothing."""
    requests = Requests(ctx.db, ctx.clock)
    return requests.get(requests.ask(RequestKind.FETCH, {}, actor.name))


def fetch_pushed(ctx: Context) -> None:
    """Ask the daemon to fetch a push, unless the last such request is still waiting."""
    requests = Requests(ctx.db, ctx.clock)
    if all(
        last.state is not RequestState.WAITING
        for last in requests.list_of_author(_PUSHES, 1)
    ):
        requests.ask(RequestKind.FETCH, {}, _PUSHES)


def get(ctx: Context, actor: Actor, request_id: int) -> Request:
    """Return a request of the actor, or one on a dataset that they may watch. Raises NotFound."""
    request = Requests(ctx.db).get(request_id)
    dataset = request.arguments.get("dataset")
    is_known = actor.authority.role is not Role.TEACHER or isinstance(dataset, str)
    may_watch = actor.may(Permission.WATCH, str(dataset) if dataset else None)
    if request.by != actor.name and not (is_known and may_watch):
        raise NotFound(
            f"no request {request_id}", "store-no-request", request=request_id
        )
    return _drop_key(request)


def _drop_key(request: Request) -> Request:
    """Return a request without the token of its form."""
    values = {
        key: value for key, value in request.arguments.items() if key != KEY_ARGUMENT
    }
    return replace(request, arguments=values)
