"""Idempotent requests: a POST with a key has its effect once.

    Idempotency-Key: 1 to 255 visible ASCII characters, chosen by the client
    the same request again      the same answer, with `Idempotency-Replayed: true`
    the same key, another call  422
    while the first one runs    409; if it never ends, it may run again after ten minutes, or once
                                its process has ended

A successful answer (2xx) is stored for a day. A refusal (4xx) and a failure that the route itself
reports (5xx) mean that nothing happened, so the key is released: a caller without quota may repeat
the request tomorrow. If the outcome is unknown (a bug, an unreachable database, a kill), the
request counts as running; a later retry gets the same number, by which the operation recognises an
effect that already happened. A streamed answer is stored as a whole after its end,
even if the client has disconnected.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from merlin.api.auth import Caller
from merlin.api.problems import Problem
from merlin.api.services import ApiServices, services_of
from merlin.core.errors import DatasetError, Forbidden, NotFound, Refused
from merlin.db import idempotency
from merlin.openai_protocol.errors import ApiError

KEY_HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
RETRY_S = 5
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
# Headers of the answer that are stored; middleware adds the others.
_KEPT_HEADERS = ("location", "content-language", "vary")
_OURS = "merlin-"
# Errors raised before anything has happened.
_NOTHING_HAPPENED = (Problem, ApiError, NotFound, Forbidden, Refused, DatasetError)
# An operation: gets the number of the request; the status of its answer says whether it took
# effect.
Operation = Callable[[int], Awaitable[Response]]
# Stores the answer for replays.
Keep = Callable[[Response], Awaitable[None]]
# An operation with a streamed answer, which it stores itself once complete.
StreamedOperation = Callable[[int, Keep | None], Awaitable[Response]]


async def run_once(
    request: Request, caller: Caller, operation: Operation, body: bytes | None = None
) -> Response:
    """Return the answer of `operation`, or the stored answer for a key that was used before.

    `body` is required if the route has read the body itself. Without a key, `operation` gets a
    random number. Raises Problem 400 for an invalid key, and whatever `operation` raises.
    """

    async def whole(number: int, keep: Keep | None) -> Response:
        response = await operation(number)
        if keep is not None and response.status_code < HTTPStatus.BAD_REQUEST:
            await keep(response)
        return response

    return await run_once_streamed(request, caller, whole, body)


async def run_once_streamed(
    request: Request, caller: Caller, operation: StreamedOperation, body: bytes | None
) -> Response:
    """Return the answer of `operation`, which stores it itself, or the stored answer for its key.

    Otherwise as `run_once`; without a key nothing is stored.
    """
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return await operation(idempotency.make_call_number(), None)
    if not _KEY.fullmatch(key):
        raise Problem(HTTPStatus.BAD_REQUEST, "idempotency-key")
    services = services_of(request)
    digest = _digest(request, await request.body() if body is None else body)
    rows = idempotency.IdempotencyKeys(services.db)
    outcome = await services.store.do(lambda: rows.begin(caller.user_id, key, digest))
    if isinstance(outcome, idempotency.StoredResponse):
        headers = {**outcome.headers, REPLAYED: "true"}
        return Response(outcome.body, outcome.status, headers, outcome.media_type or None)
    if outcome == "other":
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-other")
    if outcome == "running":
        retry = {"Retry-After": str(RETRY_S)}
        raise Problem(HTTPStatus.CONFLICT, "idempotency-running", retry)
    return await _run_operation(services, outcome, operation)


async def _run_operation(
    services: ApiServices, started_call: idempotency.StartedCall, operation: StreamedOperation
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
        response = await operation(started_call.number, keep)
    except _NOTHING_HAPPENED:
        await services.store.do(lambda: repeats.forget(started_call))
        raise
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        await services.store.do(lambda: repeats.forget(started_call))
    return response


def _digest(request: Request, body: bytes) -> str:
    """Return a digest of method, path, query and body."""
    path, query = request.scope["path"], request.scope.get("query_string", b"")
    parts = (request.method.encode(), path.encode("utf-8", "surrogatepass"), query, body)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.hexdigest()
