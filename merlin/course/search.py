"""Search in courses: the index, the query, the highlighted matches.

Search: by what a user types, in Russian or English. All words must match, each in any inflected
form; the last one may be incomplete. Ranked hits come first (a name weighs five times a
description), then texts that contain the exact characters. With few hits, words with one typo are
corrected, and the query is tried as typed in the other keyboard layout.

Entries: the indexed words of a course, written in the transaction that writes the course; an
unchanged entry is not rewritten.

Highlight: the ranges of a text that match the query.

SQLite uses FTS5, PostgreSQL tsvectors; both hold the same stems, and every word of a query is
quoted, so that it is not interpreted as query syntax.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from merlin.core.vocabulary import (
    MAX_WORDS,
    Term,
    Vocabulary,
    fold,
    index_words,
    match_query,
    parse_terms,
    stem,
    terms_of,
    vector_query,
    word_positions,
)
from merlin.db.database import Database, Repository, Row
from merlin.db.tables import COURSE, SEARCH_ENTRY

T = TypeVar("T")
MAX_QUERY_LENGTH = 200
# With fewer hits, spelling corrections are tried.
FEW_HITS = 3
NAME_WEIGHT = 5.0


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
    """A thread-safe cache of one value computed from the catalogue, for its newest version.

    `version` is that of the cached value, -1 before the first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: T | None = None
        self.version = -1

    def read(self, version: int, make: Callable[[], T]) -> T:
        """Return the value of this version; `make` computes it if it is not cached."""
        with self._lock:
            if self._made is None or self.version != version:
                self._made, self.version = make(), version
            return self._made


def search(
    index: SearchIndex,
    vocabulary: Callable[[], Vocabulary],
    query: str,
    most: int = 50,
) -> SearchResult:
    """Return the hits of a query, none for a query without a letter or digit.

    Only the first `MAX_QUERY_LENGTH` characters and `MAX_WORDS` words are used. `vocabulary`
    returns the words of the catalogue, which are used to correct typos if there are few hits.
    """
    letters = fold(query[:MAX_QUERY_LENGTH])
    terms = parse_terms(letters)
    hits = index.rank_hits(terms, most) if terms else []
    if letters and len(hits) < most:
        hits += index.find_containing(letters, most)
    found = SearchResult(_deduplicate(hits)[:most], terms, letters)
    if len(found.hits) >= min(FEW_HITS, most) or not terms:
        return found
    corrected = vocabulary().corrections(letters, MAX_WORDS)
    if corrected is None:
        return found
    corrected_terms = terms_of(corrected)
    more = _deduplicate([*found.hits, *index.rank_hits(corrected_terms, most)])[:most]
    if len(more) == len(found.hits):
        return found
    suggestion = " ".join(word[0] for word in corrected)
    return replace(found, hits=more, terms=(*terms, *corrected_terms), suggestion=suggestion)


def _deduplicate(hits: Sequence[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(hits))


def follow_entry(db: Database, course_id: int) -> None:
    """Update the search entry of a course from its row."""
    is_shown = (COURSE.id == course_id) & (COURSE.is_active == 1)
    course = db.row(COURSE.select().where(is_shown))
    entry = entry_of(course) if course is not None else None
    stored = db.rows(SEARCH_ENTRY.select().where(SEARCH_ENTRY.course_id == course_id))
    if stored == ([entry] if entry else []):
        return
    db.delete(SEARCH_ENTRY, SEARCH_ENTRY.course_id == course_id)
    if entry:
        db.add_many(SEARCH_ENTRY, [entry])


def entry_of(course: Row) -> Row:
    """Return the entry of a row of the table course."""
    names = [course["name_ru"], course["name_en"]]
    descriptions = [course["description_ru"], course["description_en"]]
    return {
        "id": course["id"],
        "course_id": course["id"],
        "name": _join_words(names),
        "body": _join_words(descriptions),
        "letters": _letters([*names, *descriptions]),
    }


def _join_words(texts: Iterable[str]) -> str:
    return " ".join(index_words(text) for text in dict.fromkeys(texts))


def _letters(texts: Iterable[str]) -> str:
    # A folded text has no line ends, so no query matches across them.
    return "\n".join(dict.fromkeys(fold(text) for text in texts))


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
    origin: list[tuple[int, int]] = []  # of each folded character, the range in the original
    start = 0
    for end in range(1, len(text) + 1):
        # Keep combining accents with their character.
        if end < len(text) and unicodedata.combining(text[end]):
            continue
        part, span, start = fold(text[start:end]) or " ", (start, end), end
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


# ruff: noqa: S608 - only our own names and numbers are put into these statements
_VECTOR = (
    "(setweight(to_tsvector('simple', name), 'A') || setweight(to_tsvector('simple', body), 'D'))"
)
# A query with this many trigrams leaves few candidates.
_MAX_TRIGRAMS = 12


class SearchIndex(Repository):
    """The search index of the catalogue as of the newest recorded commit."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._is_sqlite = db.dialect == "sqlite"

    def rank_hits(self, terms: Sequence[Term], most: int) -> list[int]:
        """Return the hits that contain every term, best first."""
        if self._is_sqlite:
            query = (
                "SELECT course_id FROM (SELECT rowid AS id, rank AS place"
                " FROM search_stem WHERE search_stem MATCH ?"
                f" AND rank MATCH 'bm25({NAME_WEIGHT}, 1.0)'"
                " ORDER BY rank, rowid LIMIT ?) AS found"
                " JOIN search_entry ON search_entry.id = found.id ORDER BY place, found.id"
            )
            return self._hits(query, match_query(terms), most)
        weights = f"{{{1 / NAME_WEIGHT}, {1 / NAME_WEIGHT}, {1 / NAME_WEIGHT}, 1.0}}"
        query = (
            "SELECT course_id FROM search_entry, to_tsquery('simple', ?) AS asked"
            f" WHERE {_VECTOR} @@ asked"
            f" ORDER BY ts_rank('{weights}', {_VECTOR}, asked) DESC, id LIMIT ?"
        )
        return self._hits(query, vector_query(terms), most)

    def find_containing(self, letters: str, most: int) -> list[int]:
        """Return the hits with these folded characters in their name or description."""
        if self._is_sqlite:
            # FTS5's trigram index serves queries from 3 characters on; shorter ones scan all texts.
            positions = range(min(len(letters) - 2, _MAX_TRIGRAMS))
            trigrams = dict.fromkeys(letters[position : position + 3] for position in positions)
            expression = " AND ".join(
                '"' + trigram.replace('"', '""') + '"' for trigram in trigrams
            )
            if expression:
                # MATCH, then `instr`: FTS5 of SQLite 3.40 crashes on some patterns of LIKE and
                # GLOB.
                query = (
                    "SELECT course_id FROM search_letter"
                    " JOIN search_entry ON id = search_letter.rowid"
                    " WHERE search_letter MATCH ? AND instr(search_entry.letters, ?) > 0 LIMIT ?"
                )
                return self._hits(query, expression, letters, most)
        query = (
            "SELECT course_id FROM search_entry"
            f" WHERE {'instr' if self._is_sqlite else 'strpos'}(letters, ?) > 0 ORDER BY id LIMIT ?"
        )
        return self._hits(query, letters, most)

    def texts(self) -> Iterable[str]:
        """Return every folded text in the index."""
        return (str(row[0]) for row in self.db.sql("SELECT letters FROM search_entry"))

    def _hits(self, query: str, *values: object) -> list[int]:
        return [int(course_id) for (course_id,) in self.db.sql(query, *values)]
