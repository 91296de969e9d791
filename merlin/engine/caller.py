"""Who calls: what is theirs to see and touch, what they may ask, what their answers cost.

A client sees only its own files, jobs, tuned models and webhook endpoints; whoever has the
engine's own key sees everything. What is another's is answered as what is not there, so nobody
learns that it exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from merlin.engine import tokens
from merlin.engine.answering.asking import Asking, Ending, Piece
from merlin.engine.clients import Client
from merlin.engine.limits import no_limit
from merlin.engine.refusal import Refusal, missing, no_model
from merlin.engine.services import Engine, engine_of

Answering = AsyncGenerator[Piece | Ending, None]
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
    """Let the caller ask a model.

    Raises Refusal 404 for another's, TooMany where the caller's tokens of the day are spent.
    """
    client, engine = client_of(request), engine_of(request)
    if client is not None:
        await run_in_threadpool(_check, engine, client, "name", model)
        await run_in_threadpool(engine.clients.let_ask, client)


def let_keep(request: Request) -> Callable[[int], object]:
    """Return what raises where so many bytes more are too many for the caller; see Clients."""
    client = client_of(request)
    return no_limit if client is None else partial(engine_of(request).clients.let_keep, client)


def let_queue(request: Request) -> Callable[[], object]:
    """Return what raises where one job more is too many for the caller; see Clients."""
    client = client_of(request)
    return no_limit if client is None else partial(engine_of(request).clients.let_queue, client)


async def spent(request: Request, count: int) -> None:
    """Count an answer of so many tokens, those asked among them."""
    client = client_of(request)
    if client is not None:
        await run_in_threadpool(engine_of(request).clients.spent, client, count)


async def metered(request: Request, asking: Asking, answering: Answering) -> Answering:
    """Yield an answer as it comes and count it; one that was left counts as far as it came."""
    ending, pieces = None, 0
    try:
        async for part in answering:
            if isinstance(part, Ending):
                ending = part
                await spent(request, part.prompt_tokens + part.completion_tokens)
            pieces += 1
            yield part
    finally:
        await answering.aclose()
        client = client_of(request)
        if client is not None and pieces and ending is None:
            count = tokens.count_messages(asking.messages) + pieces
            clients = engine_of(request).clients
            # Not awaited: who left has cancelled this call.
            asyncio.get_running_loop().run_in_executor(None, clients.spent, client, count)


def _check(engine: Engine, client: Client, param: str, name: str) -> None:
    is_base = param == "name" and name in engine.bases
    sql, answer = _OWNED[param]
    if not is_base and not engine.shelves.rows.select(sql, name, client.client_id):
        raise answer(name)
