"""Listing: one part of a long list of the pipeline, as far as the caller may see it."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from merlin.api.caller import Caller
from merlin.api.office.pipeline import Names, Shown
from merlin.api.office.right import watched
from merlin.api.paging import USUAL, Page, cursor, links, read_cursor
from merlin.api.teaching.right import services_of


class Read(Protocol):
    """One of `pipeline.Lists`."""

    def __call__(self, datasets: Names, limit: int, before: int = 0) -> list[Shown]:
        """Return what comes after a row."""


async def part(
    request: Request, response: Response, caller: Caller, asked: tuple[Page, str], read: Read
) -> list[Shown]:
    """Return the part that was asked for, of one dataset ("": of all), and tell of the next.

    Raises Problem 404 for a dataset that the caller does not see, 422 for a wrong cursor.
    """
    page, dataset = asked
    datasets, limit = watched(caller, dataset), page.limit or USUAL
    after = read_cursor(page.cursor, int)
    before = int(after[0]) if after else 0
    store = services_of(request).store
    found = await store.read(lambda: read(datasets, limit + 1, before))
    last = found[limit - 1]["id"] if len(found) > limit else None
    response.headers.update(links(request, cursor(last) if last is not None else None))
    return found[:limit]
