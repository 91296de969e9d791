"""Parts: a long page as messages of Telegram's size, with nothing cut and no mark lost.

A message holds 4,096 UTF-16 units and shows 100 marks. A break is made between paragraphs where
one is near enough, else between lines, sentences or words, at last between characters, never
inside one that is made of several code points. A mark that a break falls into goes on in the next
part, so code stays code of its language. Source of the limits: the Bot API, sendMessage and
CopyTextButton.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from merlin.chat.markup.spans import Span, clipped, marks_of, spans_of
from merlin.core.page import Button, Page
from merlin.core.utf16 import unit_places, units

LIMIT_UNITS = 4096
# Room for the mark of a repeated message.
PART_UNITS = 3900
# What a text that goes along with a file may have.
CAPTION_UNITS = 1024
MOST_MARKS = 100
COPY_UNITS = 256
MOST_COPIES = 3
_BREAKS = ("\n\n", "\n", ". ", " ")
_JOINER = "\u200d"
_FLAGS = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def split(page: Page) -> list[Page]:
    """Return the messages that hold `page`; one where it fits, none for an empty text.

    Joined, their texts are the text again but for white space at the breaks. Buttons and file
    go with the last one; a file whose text is too long for a caption follows by itself.
    """
    parts = list(_parts(page))
    if page.file and (not parts or units(parts[-1].text) > CAPTION_UNITS):
        parts.append(Page(""))
    if parts:
        parts[-1] = replace(parts[-1], buttons=page.buttons, file=page.file)
    return parts


def first_part(page: Page) -> Page:
    """Return what of a growing `page` fits one message, with its buttons."""
    return replace(next(_parts(page), Page("")), buttons=page.buttons)


def copyable(page: Page, label: str) -> tuple[Button, ...]:
    """Return buttons that copy the page's short blocks of code, three at most.

    Several are numbered from top to bottom.
    """
    blocks = [page.text[span.start : span.end] for span in spans_of(page) if span.kind == "pre"]
    short = [block for block in blocks if units(block) <= COPY_UNITS][:MOST_COPIES]
    if len(short) == 1:
        return (Button(label, copy=short[0]),)
    return tuple(Button(f"{label} {place}", copy=block) for place, block in enumerate(short, 1))


def _parts(page: Page) -> Iterator[Page]:
    """Yield the parts without buttons."""
    text, spans = page.text, spans_of(page)
    places = unit_places(text)
    start = _skip_blank(text, 0, spans)
    while start < len(text):
        reach = _reach(places, spans, start)
        end = reach if reach == len(text) else _break(text, start, reach)
        part = text[start:end].rstrip()
        if part:
            within = clipped(spans, start, start + len(part))
            yield Page(part, marks_of(part, within)[:MOST_MARKS])
        start = _skip_blank(text, end, spans)
        spans = [span for span in spans if span.end > start]


def _skip_blank(text: str, start: int, spans: Sequence[Span]) -> int:
    """Return where the part after a break begins; the indent of code belongs to the part."""
    code = [span for span in spans if span.kind == "pre" and span.end > start]
    while start < len(text) and text[start].isspace():
        if text[start] != "\n" and any(span.start <= start < span.end for span in code):
            break
        start += 1
    return start


def _reach(places: Sequence[int], spans: Sequence[Span], start: int) -> int:
    """Return before which character the part from `start` ends at the latest."""
    last = len(places) - 1
    fits_whole = start == 0 and places[last] <= LIMIT_UNITS
    reach = last if fits_whole else bisect_right(places, places[start] + PART_UNITS) - 1
    if len(spans) > MOST_MARKS and spans[MOST_MARKS].start > start:
        return min(reach, spans[MOST_MARKS].start)
    return reach


def _break(text: str, start: int, reach: int) -> int:
    """Return where to break before `reach`, so that the part is at least half full."""
    half = start + (reach - start) // 2
    for mark in _BREAKS:
        place = text.rfind(mark, half, reach)
        if place >= 0:
            return place + len(mark)
    place = reach
    while place > half and not _may_break(text, place):
        place -= 1
    return place if place > half else reach


def _may_break(text: str, place: int) -> bool:
    """Return whether the characters around `place` are two, not parts of one.

    Source: Unicode Standard Annex 29, its rules for marks, joiners, flags and skin tones.
    """
    before, after = text[place - 1], text[place]
    joined = _JOINER in (before, after) or unicodedata.combining(after) != 0
    marked = unicodedata.category(after) in {"Mn", "Me", "Mc"} or ord(after) in _SKIN_TONES
    return not (joined or marked or _splits_flag(text, place))


def _splits_flag(text: str, place: int) -> bool:
    # A flag is two letters; whether a place is within one shows in how many letters stand before.
    start = place
    while start > 0 and ord(text[start - 1]) in _FLAGS:
        start -= 1
    return ord(text[place]) in _FLAGS and (place - start) % 2 == 1
