"""Who calls: what is theirs to see and touch, what they may ask, what their answers cost.

A client sees only its own files, jobs, tuned models and webhook endpoints; whoever has the
engine's own key sees everything. What is another's is answered as what is not there, so nobody
learns that it exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from merlin.engine import tokens
from merlin.engine.answering.asking import Asking, Embedded, Ending, Piece
from merlin.engine.clients import Client, Hold
from merlin.engine.limits import no_limit
from merlin.engine.refusal import Refusal, missing, no_model
from merlin.engine.services import Engine, engine_of

Answering = AsyncGenerator[Piece | Ending, None]
# What is reckoned for an answer whose longest length is not asked for, in tokens.
USUAL_ANSWER = 1000
_MODEL = (
    "SELECT 1 FROM model JOIN job ON job.id = model.job_id WHERE model.name = ? AND job.owner = ?"
)
# What an id in a call's path names: whose it is, and the answer to one that is not there.
_OWNED: Mapping[str, tuple[str, Callable[[str], Refusal]]] = {
    "file_id": (
        "SELECT 1 FROM file WHERE id = ? AND owner = ?",
        lambda name: missing("File object", name, "file_id"),
    ),
    "job_id": (
        "SELECT 1 FROM job WHERE id = ? AND owner = ?",
        lambda name: missing("fine-tuning job", name, "fine_tuning_job_id"),
    ),
    "endpoint_id": (
        "SELECT 1 FROM endpoint WHERE id = ? AND owner = ?",
        lambda name: missing("webhook endpoint", name, "webhook_endpoint_id"),
    ),
    "name": (_MODEL, no_model),
}


def client_of(request: Request) -> Client | None:
    """Return the client that calls, None for the engine's own key."""
    found: Client | None = request.scope.get("state", {}).get("client")
    return found


def owner_of(request: Request) -> str:
    """Return the id under which the caller's things are kept, "" for the engine's own key.

    In a list "" means everybody's.
    """
    client = client_of(request)
    return client.client_id if client else ""


def owned(request: Request) -> None:
    """Raise Refusal 404 where the path names what is another's; a dependency of every route."""
    client, engine = client_of(request), engine_of(request)
    if client is not None:
        for param, name in request.path_params.items():
            _check(engine, client, param, str(name))


async def let_ask(request: Request, model: str) -> None:
    """Let the caller ask a model. Raises Refusal 404 for another's."""
    client, engine = client_of(request), engine_of(request)
    if client is not None:
        await run_in_threadpool(_check, engine, client, "name", model)


def let_keep(request: Request) -> Callable[[int], object]:
    """Return what raises where so many bytes more are too many for the caller; see Clients."""
    client = client_of(request)
    return no_limit if client is None else partial(engine_of(request).clients.let_keep, client)


def let_queue(request: Request) -> Callable[[], object]:
    """Return what raises where one job more is too many for the caller; see Clients."""
    client = client_of(request)
    return no_limit if client is None else partial(engine_of(request).clients.let_queue, client)


def metered(request: Request, asking: Asking, answering: Answering) -> Answering:
    """Return an answer that is counted as it comes; one that is left counts as far as it came.

    Its first piece raises TooMany where the caller's tokens of the day are spent.
    """
    client = client_of(request)
    if client is None:
        return answering
    asked = tokens.count_messages(asking.messages)
    reckoned = asked + (asking.most_tokens or USUAL_ANSWER)
    return _metered(engine_of(request).clients.hold(client, reckoned), asked, answering)


async def _metered(hold: Hold, asked: int, answering: Answering) -> Answering:
    pieces = 0
    try:
        await run_in_threadpool(hold.take)
        async for part in answering:
            if isinstance(part, Ending):
                made = part.prompt_tokens + part.completion_tokens
                await run_in_threadpool(hold.settle, made)
            pieces += 1
            yield part
    finally:
        _let_go(hold, asked + pieces if pieces else 0)
        await answering.aclose()


async def metered_vectors(
    request: Request, texts: Sequence[str], embed: Callable[[Sequence[str]], Awaitable[Embedded]]
) -> Embedded:
    """Return the vectors of texts, counted. Raises TooMany as `metered`."""
    client = client_of(request)
    if client is None:
        return await embed(texts)
    hold = engine_of(request).clients.hold(client, sum(map(tokens.count, texts)))
    try:
        await run_in_threadpool(hold.take)
        embedded = await embed(texts)
        await run_in_threadpool(hold.settle, embedded[1])
        return embedded
    finally:
        _let_go(hold, 0)


def _let_go(hold: Hold, count: int) -> None:
    """Settle what is not settled; not awaited: who left has cancelled this call."""
    asyncio.get_running_loop().run_in_executor(None, hold.settle, count)


def _check(engine: Engine, client: Client, param: str, name: str) -> None:
    is_base = param == "name" and name in engine.bases
    sql, answer = _OWNED[param]
    if not is_base and not engine.shelves.rows.select(sql, name, client.client_id):
        raise answer(name)
