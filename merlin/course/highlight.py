"""Highlight: where in a text stands what a search has found, to be marked for the reader."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from merlin.course.search import Found, Term
from merlin.course.words import folded, places, stem


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text; both count signs (Unicode code points), `start` from 0."""

    start: int
    length: int


def spans(text: str, found: Found) -> list[Span]:
    """Return what to mark in `text`, in order, without overlaps."""
    marked = sorted({*_words(text, found.terms), *_letters(text, found.letters)})
    whole: list[tuple[int, int]] = []
    for start, end in marked:
        if whole and start < whole[-1][1]:
            whole[-1] = whole[-1][0], max(end, whole[-1][1])
        else:
            whole.append((start, end))
    return [Span(start, end - start) for start, end in whole]


def _words(text: str, terms: Sequence[Term]) -> Iterator[tuple[int, int]]:
    wanted = {one for term in terms for one in term.stems}
    prefixes = tuple(term.prefix for term in terms if term.prefix)
    for word, start, end in places(text):
        if stem(word) in wanted:
            yield start, end
        elif prefixes and word.startswith(prefixes):
            length = max(len(prefix) for prefix in prefixes if word.startswith(prefix))
            yield start, min(start + length, end)


def _letters(text: str, letters: str) -> Iterator[tuple[int, int]]:
    """Yield where the very letters stand; one sign of the text may fold to none or to two."""
    if not letters or letters not in folded(text):
        return
    said, origin = _folded(text)
    place = said.find(letters)
    while place >= 0:
        last = place + len(letters) - 1
        yield origin[place][0], origin[last][1]
        place = said.find(letters, last + 1)


def _folded(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return the folded text, and from where to where each of its signs comes from."""
    said: list[str] = []
    origin: list[tuple[int, int]] = []
    for start, end in _clusters(text):
        part = folded(text[start:end]) or " "
        if part == " " and (not said or said[-1] == " "):
            continue
        said += part
        origin += [(start, end)] * len(part)
    return "".join(said), origin


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Yield from where to where each sign reaches, with the accents that follow it."""
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or not unicodedata.combining(text[place]):
            yield start, place
            start = place
