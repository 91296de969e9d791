"""Search: courses and materials by what somebody types, in Russian or English.

All words must be there, each in any of its forms; the last one may be half typed. Ranked ones
come first (a name counts five times a description), then those that hold the very letters; where
few are found, words with one slip of the finger are put right, and the whole is tried as typed on
the other keyboard.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from merlin.course.vocabulary import Vocabulary
from merlin.course.words import folded, stem, words

LONGEST, MOST_WORDS = 200, 8
# With fewer hits than that it is looked whether a word was mistyped.
FEW = 3
NAME_WEIGHT = 5.0
# ruff: noqa: SIM905 - lists of words read best as words
_SMALL = frozenset(
    "а без в во для до за и из или к как на над не о об от по под при про с со у я "
    "a an and at by for in into is of on or the to with".split()
)


class Kind(StrEnum):
    """What is looked for."""

    COURSE = "course"
    MATERIAL = "material"


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a query: any of these `stems`, or what begins with `prefix` ("": nothing)."""

    stems: tuple[str, ...]
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A course that was found, or a material of it; `material_id` 0: the course itself."""

    course_id: int
    material_id: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """The hits, best first, and why: `terms` and `letters` are what they hold.

    `suggestion` is what was searched instead where hardly anything holds the words as typed, ""
    where there was no need.
    """

    hits: tuple[Hit, ...] = ()
    terms: tuple[Term, ...] = ()
    letters: str = ""
    suggestion: str = ""


class SearchIndex(Protocol):
    """The index that every commit's courses are written to, in the same transaction."""

    def ranked(self, terms: Sequence[Term], kind: Kind, most: int) -> list[Hit]:
        """Return what holds every term, best first."""

    def holding(self, letters: str, kind: Kind, most: int) -> list[Hit]:
        """Return what holds these letters, folded, within its name or description."""

    def texts(self) -> Iterable[str]:
        """Return every folded text that can be found."""


class Searcher:
    """Search over one index; the words of the catalogue are learnt once for each version.

    Its methods read the index, so they are called where that may be read; from any thread.
    """

    def __init__(self, index: SearchIndex, version: Callable[[], int]) -> None:
        self._index = index
        self._version = version
        self._lock = threading.Lock()
        self._known: tuple[int, Vocabulary] = (-1, Vocabulary(()))

    def search(self, query: str, kind: Kind = Kind.COURSE, most: int = 50) -> Found:
        """Return what is found; nothing for a query without a letter or digit.

        Only the first `LONGEST` signs and the first `MOST_WORDS` words count.
        """
        letters = folded(query[:LONGEST])
        terms = terms_of(letters)
        found = Found(self._hits(terms, letters, kind, most), terms, letters)
        if len(found.hits) >= min(FEW, most) or not terms:
            return found
        return self._put_right(found, kind, most)

    def _hits(self, terms: Sequence[Term], letters: str, kind: Kind, most: int) -> tuple[Hit, ...]:
        hits = self._index.ranked(terms, kind, most) if terms else []
        if letters and len(hits) < most:
            hits += self._index.holding(letters, kind, most)
        return _once(hits)[:most]

    def _put_right(self, found: Found, kind: Kind, most: int) -> Found:
        """Return what is found with mistyped words put right, added to what was found."""
        meant = self.vocabulary().meant(found.letters, MOST_WORDS)
        if meant is None:
            return found
        terms = _terms(meant)
        hits = _once([*found.hits, *self._index.ranked(terms, kind, most)])[:most]
        if len(hits) == len(found.hits):
            return found
        suggestion = " ".join(each[0] for each in meant)
        return replace(found, hits=hits, terms=(*found.terms, *terms), suggestion=suggestion)

    @property
    def learnt(self) -> int:
        """Return the newest version whose words are learnt, -1 before any."""
        return self._known[0]

    def vocabulary(self) -> Vocabulary:
        """Return the words of the catalogue as it is now."""
        version = self._version()
        with self._lock:
            if self._known[0] != version:
                self._known = version, Vocabulary(self._index.texts())
            return self._known[1]


def terms_of(letters: str) -> tuple[Term, ...]:
    """Return the terms of a folded query; the last word may be half typed."""
    return _terms([(word,) for word in words(letters)[:MOST_WORDS]])


def _terms(said: Sequence[Sequence[str]]) -> tuple[Term, ...]:
    """Return a term for each word, which may be one of several; small words say nothing."""
    last = len(said) - 1
    telling = [place for place, each in enumerate(said) if each[0] not in _SMALL or place == last]
    return tuple(
        Term(
            tuple(dict.fromkeys(stem(word) for word in said[place])),
            said[place][0] if place == last else "",
        )
        for place in telling
    )


def _once(hits: Collection[Hit]) -> tuple[Hit, ...]:
    return tuple(dict.fromkeys(hits))
