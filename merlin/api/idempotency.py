"""Calls that may be sent again: a POST that costs or launches happens once.

    Idempotency-Key: 1 to 255 visible signs, the caller's own
    the same call again         the same answer, with `Idempotency-Replayed: true`
    the same key, another call  422
    while the first one runs    409, and where it never ends, begun anew after ten minutes

An answer is kept for a day where something happened: 2xx. A refusal (4xx) and a failure that the
route itself tells (5xx) mean that nothing did, so the key is free again: who had no quota left may
send the same call tomorrow. Where nobody knows (a bug, a silent database, a kill) the call counts
as running, and what comes again after ten minutes carries the same number, by which the effect
knows whether it happened. An answer in pieces is kept whole once its last word was said, whoever
has left by then.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from merlin.api.auth import Caller
from merlin.api.problems import Problem, answer
from merlin.api.services import ApiServices, services_of
from merlin.core.errors import DatasetError, Forbidden, NotFound, Refused
from merlin.db import idempotency
from merlin.openai_protocol.errors import ApiError

KEY_HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
RETRY_S = 5
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
# Those of the answer's headers that are told again; guards add the rest.
_KEPT_HEADERS = ("location", "content-language", "vary")
_OURS = "merlin-"
# Raised before anything happened.
_NOTHING_HAPPENED = (Problem, ApiError, NotFound, Forbidden, Refused, DatasetError)
# What is done: it gets the number of the call, and answers with a status that says what happened.
Deed = Callable[[int], Awaitable[Response]]
# Keeps what is to be told again.
Keep = Callable[[Response], Awaitable[None]]
# As a deed, but what it answers comes in pieces: once it is whole it keeps that by itself.
LongDeed = Callable[[int, Keep | None], Awaitable[Response]]


async def run_once(
    request: Request, caller: Caller, deed: Deed, body: bytes | None = None
) -> Response:
    """Return what `deed` answers; with a key what it answered first.

    `body` is needed where the route has read it by itself. Without a key the deed gets a number
    that nobody else has. Raises Problem 400 for a wrong key, and whatever the deed raises.
    """

    async def whole(number: int, keep: Keep | None) -> Response:
        response = await deed(number)
        if keep is not None and response.status_code < HTTPStatus.BAD_REQUEST:
            await keep(response)
        return response

    return await run_once_in_pieces(request, caller, whole, body)


async def run_once_in_pieces(
    request: Request, caller: Caller, deed: LongDeed, body: bytes | None = None
) -> Response:
    """Return what `deed` answers; with a key what it has kept of its first answer; else as `once`.

    Without a key there is nothing to keep.
    """
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return await deed(1 + secrets.randbits(idempotency.NUMBER_BITS), None)
    if not _KEY.fullmatch(key):
        raise Problem(HTTPStatus.BAD_REQUEST, "idempotency-key")
    services = services_of(request)
    digest = _digest(request, await request.body() if body is None else body)
    rows = idempotency.IdempotencyKeys(services.db)
    found = await services.store.do(lambda: rows.begin(caller.user_id, key, digest))
    if isinstance(found, idempotency.StoredResponse):
        headers = {**found.headers, REPLAYED: "true"}
        return Response(found.body, found.status, headers, found.media_type or None)
    if found == "other":
        return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-other")
    if found == "running":
        response = answer(request, HTTPStatus.CONFLICT, "idempotency-running")
        response.headers["Retry-After"] = str(RETRY_S)
        return response
    return await _done(services, found, deed)


async def _done(
    services: ApiServices, started_call: idempotency.StartedCall, deed: LongDeed
) -> Response:
    repeats = idempotency.IdempotencyKeys(services.db)

    async def keep(response: Response) -> None:
        headers = {
            name: value
            for name, value in response.headers.items()
            if name.lower() in _KEPT_HEADERS or name.lower().startswith(_OURS)
        }
        media_type, body = response.media_type or "", bytes(response.body).decode()
        stored_response = idempotency.StoredResponse(
            response.status_code, media_type, body, headers
        )
        await services.store.do(lambda: repeats.end(started_call, stored_response))

    try:
        response = await deed(started_call.number, keep)
    except _NOTHING_HAPPENED:
        await services.store.do(lambda: repeats.forget(started_call))
        raise
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        await services.store.do(lambda: repeats.forget(started_call))
    return response


def _digest(request: Request, body: bytes) -> str:
    """Return a digest of all that a call asks for."""
    path, query = request.scope["path"], request.scope.get("query_string", b"")
    parts = (request.method.encode(), path.encode("utf-8", "surrogatepass"), query, body)
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8))
        whole.update(part)
    return whole.hexdigest()
