"""Tag: by what a caller's own answers are known again: one that has not changed is not sent twice.

What everybody may read is kept with its tag (`api.kept`); this is for what belongs to a person.
"""

from __future__ import annotations

import hashlib
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from merlin.api.language import headers_of


def tag_of(seed: bytes) -> str:
    """Return a strong tag of all that an answer depends on."""
    return f'"{hashlib.blake2b(seed, digest_size=16).hexdigest()}"'


def is_known(request: Request, tag: str) -> bool:
    """Return whether the caller has the answer with this tag."""
    known = {one.strip() for one in request.headers.get("if-none-match", "").split(",")}
    return bool(known & {tag, f"W/{tag}", "*"})


def not_modified(language: str) -> Response:
    """Return the word that the caller has the answer already; `tagged` completes it."""
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers_of(language))


def tagged(response: Response, tag: str) -> Response:
    """Return an answer that nobody but its caller may keep, and asks again before it is shown."""
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept-Language, Authorization, Cookie"
    return response
