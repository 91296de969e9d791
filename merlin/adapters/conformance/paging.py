"""Walking a list page by page: no entry twice, none left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from merlin.adapters.conformance.verdict import Missing, Wrong, holds

MOST_PAGES = 4
_WHOLE = 100

# A call of the SDK that lists: it takes `limit` and `after`, and returns a page with `data`.
Listing = Callable[..., Any]


def walk(listing: Listing, limit: int, least: int = 2) -> None:
    """Raise Wrong unless the first pages of `limit` are the beginning of the list.

    `least` entries must be there. Raises Missing where the server gives all whatever the limit.
    """
    whole = _ids(listing(limit=_WHOLE))
    holds(len(whole) >= least, "data", len(whole), f">= {least}")
    seen: list[str] = []
    for _ in range(MOST_PAGES):
        page = listing(limit=limit, **({"after": seen[-1]} if seen else {}))
        got = _ids(page)
        if len(got) > limit:
            raise Missing("unheeded", what=f"limit={limit}")
        _keep_apart(seen, got)
        seen += got
        if not page.has_more or not got:
            break
    holds(len(seen) >= least, "data", len(seen), f">= {least}")
    _compare(seen, whole[: limit * MOST_PAGES])


def _ids(page: Any) -> list[str]:
    return [str(each.id) for each in page.data]


def _keep_apart(seen: list[str], got: list[str]) -> None:
    for number, name in enumerate(got):
        if name in seen or name in got[:number]:
            raise Wrong("page-double", id=name)


def _compare(seen: list[str], whole: list[str]) -> None:
    for walked, listed in zip(seen, whole, strict=False):
        if walked != listed:
            raise Wrong("page-gap", id=listed)
    if len(seen) < len(whole):
        raise Wrong("page-gap", id=whole[len(seen)])
