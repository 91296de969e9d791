"""A request's body, or the problem of one that is too long or cut off."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from merlin.api.problems import Problem
from merlin.core.body import pieces

HOOK_BYTES = 64 * 1024


async def read_body(request: Request, most_bytes: int) -> bytes:
    """Return the body. Raises Problem 413 as soon as it is longer than `most_bytes`."""
    too_large = Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", limit=most_bytes // 1024)
    try:
        return b"".join([piece async for piece in pieces(request, most_bytes, too_large)])
    except ClientDisconnect as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-request") from error
