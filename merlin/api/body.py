"""A request's body, read no further than it may be long."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from merlin.api.problems import Problem

HOOK_BYTES = 64 * 1024


async def read_body(request: Request, most_bytes: int) -> bytes:
    """Return the body. Raises Problem 413 as soon as it is longer than `most_bytes`."""
    too_large = Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", limit=most_bytes // 1024)
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most_bytes:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                raise too_large
    except ClientDisconnect as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-request") from error
    return bytes(body)
