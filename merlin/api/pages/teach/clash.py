"""Clash: what two people wrote of one thing at once, both texts beside each other.

yours, theirs -> the lines of each, those marked that the other has not
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher

# In longer texts nothing is marked: comparing them would hold up everybody else.
MOST_LINES = 2000


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its end; `is_other`: the other text has not got it."""

    words: str
    is_other: bool


Lines = tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Clash:
    """One text as both wrote it; no lines: there is nothing."""

    title: str
    yours: Lines
    theirs: Lines


def clash(title: str, yours: str | None, theirs: str | None) -> Clash:
    """Return two texts of one thing."""
    mine, others = _lines(yours), _lines(theirs)
    blocks = _alike(mine, others)
    return Clash(
        title,
        tuple(_marked(mine, ((each.a, each.size) for each in blocks))),
        tuple(_marked(others, ((each.b, each.size) for each in blocks))),
    )


def clashes(yours: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[Clash, ...]:
    """Return the fields of a form, title -> text, that the two wrote otherwise."""
    return tuple(
        clash(title, text, theirs[title]) for title, text in yours.items() if text != theirs[title]
    )


def _lines(text: str | None) -> Sequence[str]:
    return (text or "").splitlines(keepends=True)


def _alike(mine: Sequence[str], others: Sequence[str]) -> Sequence[Match]:
    if max(len(mine), len(others)) > MOST_LINES:
        return (Match(0, 0, max(len(mine), len(others))),)
    return SequenceMatcher(None, mine, others).get_matching_blocks()


def _marked(lines: Sequence[str], alike: Iterator[tuple[int, int]]) -> Iterator[Line]:
    """Yield the lines; `alike` are begin and length of those that both texts have."""
    known = {place for begin, size in alike for place in range(begin, begin + size)}
    for place, words in enumerate(lines):
        yield Line(words, place not in known)
