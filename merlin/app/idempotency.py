"""Acts that a form asks for: pressed twice, each is done once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.errors import Refused
from merlin.db.idempotency import (
    IdempotencyKeys,
    KeyConflict,
    KeyedCall,
    StartedCall,
    StoredResponse,
)

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
        asked = f"{act.__module__}.{act.__name__}{args}{sorted(named.items())}"
        found = rows.begin(KeyedCall(actor.user_id, once, asked))
        if isinstance(found, KeyConflict):
            raise Refused(found.value, f"api-problem-idempotency-{found.value}-detail")
        if not isinstance(found, StartedCall):
            return None
        result = act(ctx, actor, *args, **named)
        rows.end(found, _DONE)
        return result

    return ctx.db.joined(work)
