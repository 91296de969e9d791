"""Finding: which courses a person means while typing, and which letters of them were found.

All that the pages know of the search lies here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merlin.api.pages.shelf import Shelf
from merlin.api.services import Rows
from merlin.course.catalogue import Course
from merlin.course.highlight import spans
from merlin.course.search import Found as Searched


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text; `is_hit`: these letters were found."""

    text: str
    is_hit: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One course with its texts in pieces."""

    course: Course
    name: tuple[Piece, ...]
    about: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """The first courses to show, of `total`; `meant` is what a mistyped query was taken for."""

    courses: Sequence[Found]
    total: int
    meant: str = ""


def everything(shelf: Shelf, language: str, most: int) -> Finding:
    """Return every course, nothing marked."""
    found = [
        Found(course, (Piece(course.title(language)),), (Piece(course.about(language)),))
        for course in shelf.courses[:most]
    ]
    return Finding(found, len(shelf.courses))


def find(rows: Rows, shelf: Shelf, query: str, language: str, most: int) -> Finding:
    """Return the courses that are meant, best first; to be called within `Store.read`."""
    said = rows.search.search(query, most=max(len(shelf.courses), 1))
    known = [shelf.by_id[hit.course_id] for hit in said.hits if hit.course_id in shelf.by_id]
    found = [
        Found(course, marked(course.title(language), said), marked(course.about(language), said))
        for course in known[:most]
    ]
    return Finding(found, len(known), said.suggestion)


def marked(text: str, found: Searched) -> tuple[Piece, ...]:
    """Return the text in pieces, those that were found marked."""
    pieces, end = [], 0
    for span in spans(text, found):
        stop = span.start + span.length
        pieces += [Piece(text[end : span.start]), Piece(text[span.start : stop], is_hit=True)]
        end = stop
    pieces.append(Piece(text[end:]))
    return tuple(piece for piece in pieces if piece.text)
