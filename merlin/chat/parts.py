"""Parts: a long text as messages of Telegram's size, with nothing cut and fences reopened.

A message holds 4,096 UTF-16 units. A break is made between paragraphs where one is near enough,
else between lines, sentences or words, at last between characters, never inside one that is
made of several code points. Source of the limit: the Bot API, sendMessage.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

LIMIT_UNITS = 4096
# Room for the mark of a repeated message, and for a fence that is closed and opened again.
PART_UNITS = 3900
_BREAKS = ("\n\n", "\n", ". ", " ")
LANGUAGE_SIZE = 40
_FENCE_LINE = re.compile(r"^[ \t]*(`{3,10}|~{3,10})([^\n`~]*)$", re.MULTILINE)
_JOINER = "\u200d"
_FLAGS = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)


class _Fence(NamedTuple):
    """The line that opened a block of code."""

    mark: str
    language: str


def units(text: str) -> int:
    """Return the length as Telegram counts it: UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def split(text: str) -> list[str]:
    """Return the messages that hold `text`; one where it fits, none for an empty text.

    Joined, they are the text again but for white space at the breaks and reopened fences.
    """
    text = text.strip("\n")
    if not text.strip():
        return []
    if units(text) <= LIMIT_UNITS:
        return [text]
    return [part for part in _fenced(_pieces(text)) if part.strip()]


def first_part(text: str) -> str:
    """Return what of a growing `text` fits one message."""
    return text if units(text) <= LIMIT_UNITS else next(_fenced(_pieces(text)))


def _pieces(text: str) -> Iterator[str]:
    while units(text) > PART_UNITS:
        end = _break(text, _reach(text))
        yield text[:end].rstrip("\n")
        text = text[end:].lstrip("\n")
    yield text


def _reach(text: str) -> int:
    """Return how many characters of `text` fit one part."""
    left = PART_UNITS
    for place, character in enumerate(text):
        left -= 2 if character > "\uffff" else 1
        if left < 0:
            return place
    return len(text)


def _break(text: str, reach: int) -> int:
    """Return where to break before `reach`, so that the first part is at least half full."""
    for mark in _BREAKS:
        place = text.rfind(mark, reach // 2, reach)
        if place >= 0:
            return place + len(mark)
    place = reach
    while place > reach // 2 and not _may_break(text, place):
        place -= 1
    return place if place > reach // 2 else reach


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


def _fenced(pieces: Iterator[str]) -> Iterator[str]:
    """Close a code fence that a break fell into, and open it again in the next part."""
    fence: _Fence | None = None
    for piece in pieces:
        part = f"{fence.mark}{fence.language}\n{piece}" if fence else piece
        fence = _open_fence(part)
        yield f"{part}\n{fence.mark}" if fence else part


def _open_fence(part: str) -> _Fence | None:
    """Return the fence still open at the end of `part`, None where there is none."""
    fence: _Fence | None = None
    for found in _FENCE_LINE.finditer(part):
        mark, language = found.group(1), found.group(2).strip()
        if fence is None:
            fence = _Fence(mark, language if len(language) <= LANGUAGE_SIZE else "")
        elif mark.startswith(fence.mark) and not language:
            fence = None
    return fence
