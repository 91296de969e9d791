"""Parts that several pages show.

The way to the next part of a long list, and what an edit changes: as a difference line by line, or
as two texts beside each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import Match, SequenceMatcher
from urllib.parse import urlencode

from merlin.api.schema import Page


def next_href(page: Page) -> str:
    """Return this page's address with the cursor of the next part, "" without one."""
    if not page.following:
        return ""
    kept = [
        (name, value)
        for name, value in page.request.query_params.multi_items()
        if name not in {"cursor", "asked", "launch"}
    ]
    return f"{page.request.scope['path']}?{urlencode([*kept, ('cursor', page.following)])}"


_STYLES = {"+": ("add", "+"), "-": ("del", "−"), "@": ("at", "")}
_HEADERS = ("--- ", "+++ ")
# More of one file nobody reads on a page; git has it all.
MOST_LINES = 600
# In longer texts nothing is marked: comparing them would hold up everybody else.
MOST_COMPARED = 2000


def diff_lines(difference: str | None) -> Iterator[tuple[str, str, str]]:
    """Yield the lines of a unified difference without its headers; none for None.

    A style, a sign that says to who cannot see colours what it is, and the words.
    """
    for place, line in enumerate((difference or "").splitlines()):
        if place < len(_HEADERS) and line.startswith(_HEADERS):
            continue
        if place > MOST_LINES:
            yield "at", "", "…"
            return
        yield (*_STYLES.get(line[:1], ("", "")), line)


# The lines of a text with their ends, and whether the other text has not got it.
Lines = list[tuple[str, bool]]


def compare_lines(yours: str | None, theirs: str | None) -> tuple[Lines, Lines]:
    """Return the lines of two texts of one thing."""
    mine, others = ((text or "").splitlines(keepends=True) for text in (yours, theirs))
    if (longest := max(len(mine), len(others))) > MOST_COMPARED:
        blocks = [Match(0, 0, longest)]
    else:
        blocks = SequenceMatcher(None, mine, others).get_matching_blocks()
    return (
        _marked(mine, ((each.a, each.size) for each in blocks)),
        _marked(others, ((each.b, each.size) for each in blocks)),
    )


def _marked(lines: Sequence[str], alike: Iterable[tuple[int, int]]) -> Lines:
    """Return the lines; `alike` are begin and length of those that both texts have."""
    known = {place for begin, size in alike for place in range(begin, begin + size)}
    return [(line, place not in known) for place, line in enumerate(lines)]
