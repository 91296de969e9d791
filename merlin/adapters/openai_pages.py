"""Lists of the protocol, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from merlin.adapters import openai_shapes as shapes
from merlin.adapters.openai_wire import Raw, json_object
from merlin.openai_protocol.errors import InvalidResponse

_MOST_PAGES = 1000


def pages(ask: Callable[[dict[str, str]], Raw]) -> Iterator[list[shapes.Json]]:
    """Yield the pages that `ask` brings; it is given `{"after": id}` from the second one on.

    Ends also where a server pays no heed to `after` and sends the same page again. Raises
    InvalidResponse for a list without an end: what was not seen must not count as not there.
    """
    seen: set[str] = set()
    cursor: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        page = json_object(ask(cursor))
        rows = shapes.rows(page)
        yield rows
        last = rows[-1].get("id") if rows else None
        if page.get("has_more") is not True or not isinstance(last, str) or last in seen:
            return
        seen.add(last)
        cursor = {"after": last}
    raise InvalidResponse("the list has no end")
