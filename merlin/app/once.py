"""Perform an act once for one mark, however often the form that carries it is sent."""

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


def perform_once(
    ctx: Context,
    actor: Actor,
    mark: str,
    act: Callable[Concatenate[Context, Actor, P], T],
    /,
    *args: P.args,
    **named: P.kwargs,
) -> T | None:
    """Return what an act returns, None where the same mark performed it before.

    The mark is stored with what the act writes: both, or neither where it raises. Raises Refused
    for a mark that stands for something else.
    """
    keys = IdempotencyKeys(ctx.db, ctx.clock)
    asked = f"{act.__module__}.{act.__name__} {args!r} {sorted(named.items())!r}"
    started = keys.begin(KeyedCall(actor.user_id, mark, asked))
    if started is KeyConflict.OTHER:
        raise Refused("the mark of another form", "api-problem-idempotency-other-detail")
    if not isinstance(started, StartedCall):
        return None
    result = act(ctx, actor, *args, **named)
    keys.end(started, StoredResponse(200, "", ""))
    return result
