"""Spans: the marks of a text while it is worked on, counted in characters.

Telegram counts marks in UTF-16 units; Python's strings are cut in characters. Here is the way
from one to the other and back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from merlin.core.page import Mark, Page
from merlin.core.utf16 import unit_places

# Their first line may begin with spaces that belong to them.
_INDENTED = ("pre", "blockquote")


class Span(NamedTuple):
    """A mark from character `start` to before character `end`."""

    start: int
    end: int
    kind: str
    value: str = ""


def spans_of(page: Page) -> list[Span]:
    """Return the marks of `page` as spans, outer ones before those within them."""
    places = unit_places(page.text)
    spans = [
        Span(
            bisect_left(places, mark.offset),
            bisect_left(places, mark.offset + mark.length),
            mark.kind,
            mark.value,
        )
        for mark in page.marks
    ]
    return sorted(spans, key=_outer_first)


def marks_of(text: str, spans: Iterable[Span]) -> tuple[Mark, ...]:
    """Return the marks of `text`: trimmed of white space, none empty, outer ones first."""
    places = unit_places(text)
    kept = [one for span in spans if (one := _trimmed(text, span)).end > one.start]
    return tuple(
        Mark(span.kind, places[span.start], places[span.end] - places[span.start], span.value)
        for span in sorted(kept, key=_outer_first)
    )


def clipped(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """Return what of the spans lies within a stretch, counted from its start."""
    return [
        Span(max(span.start, start) - start, min(span.end, end) - start, span.kind, span.value)
        for span in spans
        if span.start < end and span.end > start
    ]


def _outer_first(span: Span) -> tuple[int, int]:
    return span.start, -span.end


def _trimmed(text: str, span: Span) -> Span:
    within = text[span.start : span.end]
    end = span.start + len(within.rstrip())
    kept = within.lstrip("\n") if span.kind in _INDENTED else within.lstrip()
    return span._replace(start=span.start + len(within) - len(kept), end=end)
