"""Search in courses: the index, the query, the highlighted matches.

All words of a query must match, each in any inflected form, in Russian or English; the last one
may be incomplete. Ranked hits come first (a name weighs five times a description), then courses
that contain the exact characters. With few hits, words with one typo are corrected, and the query
is tried as typed in the other keyboard layout.

The index of the active courses is in memory, made anew for each version of the catalogue.
"""

import threading
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, takewhile
from typing import Generic, TypeVar

from merlin.core.vocabulary import (
    MAX_WORDS,
    Term,
    Vocabulary,
    fold,
    index_words,
    parse_terms,
    stem,
    terms_of,
    word_positions,
)
from merlin.course.catalogue import Course

T = TypeVar("T")
MAX_QUERY_LENGTH = 200
# With fewer hits, spelling corrections are tried.
FEW_HITS = 3
NAME_WEIGHT = 5


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The ids of the courses found, best first; `terms` and `letters` are what they match.

    `suggestion` is the corrected query if the original had too few hits, else "".
    """

    hits: tuple[int, ...] = ()
    terms: tuple[Term, ...] = ()
    letters: str = ""
    suggestion: str = ""


class VersionCache(Generic[T]):
    """A thread-safe cache of one value, for the newest version of what it was computed from.

    `version` is that of the cached value, -1 before the first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: T | None = None
        self.version: object = -1

    def read(self, version: object, make: Callable[[], T]) -> T:
        """Return the value of this version; `make` computes it if it is not cached."""
        with self._lock:
            if self._made is None or self.version != version:
                self._made = make()
                self.version = version
            return self._made


class SearchIndex:
    """The words of courses: each course under its words and their stems."""

    def __init__(self, courses: Sequence[Course]) -> None:
        self._names = defaultdict[str, set[int]](set)
        self._bodies = defaultdict[str, set[int]](set)
        # A folded text has no line ends, so no query matches across them.
        self._letters: dict[int, str] = {}
        for course in courses:
            parts = ((self._names, course.name), (self._bodies, course.description))
            for words, texts in parts:
                for text in texts.values():
                    for word in index_words(text).split():
                        words[word].add(course.course_id)
            folded = (fold(text) for _, texts in parts for text in texts.values())
            self._letters[course.course_id] = "\n".join(dict.fromkeys(folded))
        self._sorted = sorted(self._names.keys() | self._bodies.keys())

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Return the words by which those of a query are corrected."""
        return Vocabulary(self._letters.values())

    def rank_hits(self, terms: Sequence[Term], most: int) -> list[int]:
        """Return the hits that contain every term, best first."""
        weights = [self._weigh(term) for term in terms]
        hits = set.intersection(*map(set, weights))

        def place(hit: int) -> tuple[int, int, int]:
            return -sum(weight[hit] for weight in weights), len(self._letters[hit]), hit

        return sorted(hits, key=place)[:most]

    def _weigh(self, term: Term) -> dict[int, int]:
        """Return the weight of a term in each course that contains it."""
        words = {*term.stems}
        if term.prefix:
            first = bisect_left(self._sorted, term.prefix)
            rest = islice(self._sorted, first, None)
            words.update(takewhile(lambda word: word.startswith(term.prefix), rest))
        in_names, in_bodies = (
            set().union(*(places.get(word, ()) for word in words))
            for places in (self._names, self._bodies)
        )
        return {**dict.fromkeys(in_bodies, 1), **dict.fromkeys(in_names, NAME_WEIGHT)}

    def find_containing(self, letters: str, most: int) -> list[int]:
        """Return the hits with these folded characters in their name or description."""
        hits = (hit for hit, texts in self._letters.items() if letters in texts)
        return list(islice(hits, most))


def search(index: SearchIndex, query: str, most: int = 50) -> SearchResult:
    """Return the hits of a query, none for a query without a letter or digit.

    Only the first `MAX_QUERY_LENGTH` characters and `MAX_WORDS` words are used.
    """
    letters = fold(query[:MAX_QUERY_LENGTH])
    terms = parse_terms(letters)
    hits = index.rank_hits(terms, most) if terms else []
    if letters and len(hits) < most:
        hits += index.find_containing(letters, most)
    found = SearchResult(_deduplicate(hits)[:most], terms, letters)
    if len(found.hits) >= min(FEW_HITS, most) or not terms:
        return found
    corrected = index.vocabulary.corrections(letters, MAX_WORDS)
    if corrected is None:
        return found
    corrected_terms = terms_of(corrected)
    more = _deduplicate([*found.hits, *index.rank_hits(corrected_terms, most)])[:most]
    if len(more) == len(found.hits):
        return found
    suggestion = " ".join(word[0] for word in corrected)
    return replace(
        found, hits=more, terms=(*terms, *corrected_terms), suggestion=suggestion
    )


def _deduplicate(hits: Sequence[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(hits))


def highlight_spans(text: str, found: SearchResult) -> list[tuple[int, int]]:
    """Return the ranges of `text` to highlight, in order, not overlapping; in code points."""
    if not (found.terms or found.letters):
        return []
    spans: list[tuple[int, int]] = []
    for start, end in sorted(
        {*_term_matches(text, found.terms), *_exact_matches(text, found.letters)}
    ):
        if spans and start < spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans


def _term_matches(text: str, terms: Sequence[Term]) -> Iterator[tuple[int, int]]:
    stems = {stemmed for term in terms for stemmed in term.stems}
    prefixes = tuple(term.prefix for term in terms if term.prefix)
    for word, start, end in word_positions(text):
        if stem(word) in stems:
            yield start, end
        elif prefixes and word.startswith(prefixes):
            length = max(len(prefix) for prefix in prefixes if word.startswith(prefix))
            yield start, min(start + length, end)


def _exact_matches(text: str, letters: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges of exact matches; folding can remove or expand a character."""
    if not letters or letters not in fold(text):
        return
    characters: list[str] = []
    origin: list[
        tuple[int, int]
    ] = []  # of each folded character, the range in the original
    start = 0
    for end in range(1, len(text) + 1):
        # Keep combining accents with their character.
        if end < len(text) and unicodedata.combining(text[end]):
            continue
        part = fold(text[start:end]) or " "
        span = (start, end)
        start = end
        if part == " " and (not characters or characters[-1] == " "):
            continue
        characters += part
        origin += [span] * len(part)
    folded = "".join(characters)
    position = folded.find(letters)
    while position >= 0:
        last = position + len(letters) - 1
        yield origin[position][0], origin[last][1]
        position = folded.find(letters, last + 1)
