"""Listing: one part of a long list of the api, with the way to the next part."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from merlin.api.pages.doing import call
from merlin.api.pages.visit import Visit

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Listed(Generic[Row]):
    """One part; `next_href` "" where it is the last one."""

    rows: Sequence[Row]
    next_href: str


async def listed(
    visit: Visit, read: Callable[[Request, Response], Awaitable[Sequence[Row]]]
) -> Listed[Row]:
    """Return the part of a list that the page's address names; `read` is a route of the api."""
    response = Response()
    rows = await read(await call(visit), response)
    return Listed(rows, _next(visit, response.headers.get("link", "")))


def _next(visit: Visit, links: str) -> str:
    """Return this page's address with the cursor of the link that leads on (RFC 8288)."""
    for link in links.split(", "):
        address, _, rel = link.partition(">; ")
        if rel == 'rel="next"':
            found = dict(parse_qsl(urlsplit(address.lstrip("<")).query))
            kept = [
                (name, value)
                for name, value in visit.request.query_params.multi_items()
                if name not in {"cursor", "asked", "launch"}
            ]
            query = urlencode([*kept, ("cursor", found["cursor"])])
            return f"{visit.request.scope['path']}?{query}"
    return ""
