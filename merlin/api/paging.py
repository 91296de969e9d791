"""Paging: long lists in parts, by an opaque cursor and a Link header (RFC 8288).

A cursor says after which entry the next part begins, so that no entry is shown twice or left out
when the list changes in between.

    async def jobs(page: Annotated[Page, Depends(page_of)]): …
        key = read_cursor(page.cursor, int)            # what the last entry was sorted by
        headers = links(request, cursor(last.job_id))  # None: this part is the last one
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Query
from starlette.requests import Request

from merlin.api.problems import Problem
from merlin.api.services import ApiServices

MOST = 100
USUAL = 50
CURSOR_LENGTH = 512
_NUMBERS = 2**63


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for; `limit` None: as the route does without one."""

    limit: int | None = None
    cursor: str = ""


Limit = Annotated[int | None, Query(ge=1, le=MOST, description="entries in one part")]
After = Annotated[
    str, Query(max_length=CURSOR_LENGTH, description="from the Link header of the part before")
]


# A coroutine: FastAPI would call a plain function in a thread of its own.
async def page_of(limit: Limit = None, cursor: After = "") -> Page:
    """Return the part that a request names."""
    return Page(limit, cursor)


def cursor(*key: int | str) -> str:
    """Return the cursor after the entry that is sorted by `key`."""
    said = json.dumps(key, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def read_cursor(text: str, *kinds: type) -> tuple[int | str, ...] | None:
    """Return the key that `cursor` was given, one value of each kind; None for "".

    Raises Problem 422 for a cursor that is none of ours.
    """
    if not text:
        return None
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        key = json.loads(base64.b64decode(padded, b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        key = None
    if not isinstance(key, list) or [type(value) for value in key] != list(kinds):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-cursor")
    if any(not _is_storable(value) for value in key):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-cursor")
    return tuple(key)


def _is_storable(value: int | str) -> bool:
    """Return whether a database can be asked for this value."""
    if isinstance(value, int):
        return -_NUMBERS <= value < _NUMBERS
    return "\0" not in value and value.isprintable()


def links(request: Request, following: str | None) -> dict[str, str]:
    """Return the headers of one part: Link to the first part, and to the next if there is one."""
    return {"Link": link_of(request, following)}


def link_of(request: Request, following: str | None) -> str:
    """Return the Link header of one part.

    The addresses stand below `public_url` where the config names it, else at this host.
    """
    asked = {name: value for name, value in request.query_params.items() if name != "cursor"}
    told = [_link(request, asked, "first")]
    if following is not None:
        told.append(_link(request, {**asked, "cursor": following}, "next"))
    return ", ".join(told)


def _link(request: Request, query: dict[str, str], rel: str) -> str:
    services: ApiServices = request.app.state.services
    address = services.public_url.rstrip("/") + quote(request.scope["path"])
    return f'<{address}{"?" if query else ""}{urlencode(query, errors="replace")}>; rel="{rel}"'
