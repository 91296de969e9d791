"""Search in courses and materials: the index, the query, the highlighted matches.

Search: by what a user types, in Russian or English. All words must match, each in any inflected
form; the last one may be incomplete. Ranked hits come first (a name weighs five times a
description), then texts that contain the exact characters. With few hits, words with one typo are
corrected, and the query is tried as typed in the other keyboard layout.

Entries: the indexed words of a course and its materials, written in the transaction that writes
the course; unchanged entries are not rewritten.

Highlight: the ranges of a text that match the query.

SQLite uses FTS5, PostgreSQL tsvectors; both hold the same stems, and every word of a query is
quoted, so that it is not interpreted as query syntax.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

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
from merlin.db.database import CHUNK, Database, Repository, Row, in_portions
from merlin.db.tables import COURSE, MATERIAL, SEARCH_ENTRY

T = TypeVar("T")
MAX_QUERY_LENGTH = 200
# With fewer hits, spelling corrections are tried.
FEW_HITS = 3
NAME_WEIGHT = 5.0
# The kind of objects searched.
Kind = Literal["course", "material"]
# Course id and material id of a hit; 0 for the course itself.
Hit = tuple[int, int]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits, best first; `terms` and `letters` are what they match.

    `suggestion` is the corrected query if the original had too few hits, else "".
    """

    hits: tuple[Hit, ...] = ()
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
    kind: Kind = "course",
    most: int = 50,
) -> SearchResult:
    """Return the hits of a query, none for a query without a letter or digit.

    Only the first `MAX_QUERY_LENGTH` characters and `MAX_WORDS` words are used. `vocabulary`
    returns the words of the catalogue, which are used to correct typos if there are few hits.
    """
    letters = fold(query[:MAX_QUERY_LENGTH])
    terms = parse_terms(letters)
    hits = index.rank_hits(terms, kind, most) if terms else []
    if letters and len(hits) < most:
        hits += index.find_containing(letters, kind, most)
    found = SearchResult(_deduplicate(hits)[:most], terms, letters)
    if len(found.hits) >= min(FEW_HITS, most) or not terms:
        return found
    corrected = vocabulary().corrections(letters, MAX_WORDS)
    if corrected is None:
        return found
    corrected_terms = terms_of(corrected)
    more = _deduplicate([*found.hits, *index.rank_hits(corrected_terms, kind, most)])[:most]
    if len(more) == len(found.hits):
        return found
    suggestion = " ".join(word[0] for word in corrected)
    return replace(found, hits=more, terms=(*terms, *corrected_terms), suggestion=suggestion)


def _deduplicate(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    return tuple(dict.fromkeys(hits))


# Additional searchable words of a material's kind, in both languages.
_KIND_WORDS = {
    "lecture": "лекция lecture",
    "seminar": "семинар seminar",
    "lab": "лабораторная работа lab",
}


def follow_entries(db: Database, course_id: int) -> None:
    """Update the search entries of a course and its materials from their rows."""
    is_shown = (COURSE.id == course_id) & (COURSE.is_active == 1)
    course, entries = db.row(COURSE.select().where(is_shown)), dict[int, Row]()
    if course is not None:
        is_listed = MATERIAL.place.is_null(is_null=False)
        materials = MATERIAL.select().where((MATERIAL.course_id == course_id) & is_listed)
        entries = {row["id"]: row for row in entries_of(course, db.rows(materials))}
    query = SEARCH_ENTRY.select().where(SEARCH_ENTRY.course_id == course_id)
    stored = {row["id"]: row for row in db.rows(query)}
    outdated = [number for number, row in stored.items() if entries.get(number) != row]
    for portion in in_portions(outdated, CHUNK):
        db.delete(SEARCH_ENTRY, SEARCH_ENTRY.id.in_(portion))
    new = [row for number, row in entries.items() if stored.get(number) != row]
    db.add_many(SEARCH_ENTRY, new)


def entries_of(course: Row, materials: Sequence[Row]) -> list[Row]:
    """Return the entries of a row of the table course and its rows of the table material."""
    names = [course["name_ru"], course["name_en"]]
    descriptions = [course["description_ru"], course["description_en"]]
    entry = {
        "id": -course["id"],
        "course_id": course["id"],
        "name": _join_words(names),
        "body": _join_words(descriptions),
        "letters": _letters([*names, *descriptions]),
    }
    return [entry, *map(_material_entry, materials)]


def _material_entry(row: Row) -> Row:
    titles = [row["title_ru"], row["title_en"]]
    return {
        "id": row["id"],
        "course_id": row["course_id"],
        "name": _join_words(titles),
        "body": index_words(f"{_KIND_WORDS.get(row['kind'], '')} {row['lesson']}"),
        "letters": _letters(titles),
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
_SIDES: dict[Kind, str] = {"course": "< 0", "material": "> 0"}
# A query with this many trigrams leaves few candidates.
_MAX_TRIGRAMS = 12


class SearchIndex(Repository):
    """The search index of the catalogue as of the newest recorded commit."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._is_sqlite = db.dialect == "sqlite"

    def rank_hits(self, terms: Sequence[Term], kind: Kind, most: int) -> list[Hit]:
        """Return the hits that contain every term, best first."""
        if self._is_sqlite:
            query = (
                "SELECT course_id, found.id FROM (SELECT rowid AS id, rank AS place"
                " FROM search_stem WHERE search_stem MATCH ?"
                f" AND rank MATCH 'bm25({NAME_WEIGHT}, 1.0)'"
                f" AND rowid {_SIDES[kind]} ORDER BY rank, abs(rowid) LIMIT ?) AS found"
                " JOIN search_entry ON search_entry.id = found.id ORDER BY place, abs(found.id)"
            )
            return self._hits(query, match_query(terms), most)
        weights = f"{{{1 / NAME_WEIGHT}, {1 / NAME_WEIGHT}, {1 / NAME_WEIGHT}, 1.0}}"
        query = (
            "SELECT course_id, id FROM search_entry, to_tsquery('simple', ?) AS asked"
            f" WHERE {_VECTOR} @@ asked AND id {_SIDES[kind]}"
            f" ORDER BY ts_rank('{weights}', {_VECTOR}, asked) DESC, abs(id) LIMIT ?"
        )
        return self._hits(query, vector_query(terms), most)

    def find_containing(self, letters: str, kind: Kind, most: int) -> list[Hit]:
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
                    "SELECT course_id, id FROM search_letter"
                    " JOIN search_entry ON id = search_letter.rowid"
                    f" WHERE search_letter MATCH ? AND search_letter.rowid {_SIDES[kind]}"
                    " AND instr(search_entry.letters, ?) > 0 LIMIT ?"
                )
                return self._hits(query, expression, letters, most)
        query = (
            f"SELECT course_id, id FROM search_entry"
            f" WHERE {'instr' if self._is_sqlite else 'strpos'}(letters, ?) > 0"
            f" AND id {_SIDES[kind]} ORDER BY id {'DESC' if kind == 'course' else 'ASC'} LIMIT ?"
        )
        return self._hits(query, letters, most)

    def texts(self) -> Iterable[str]:
        """Return every folded text in the index."""
        return (str(row[0]) for row in self.db.sql("SELECT letters FROM search_entry"))

    def _hits(self, query: str, *values: object) -> list[Hit]:
        return [(course, max(number, 0)) for course, number in self.db.sql(query, *values)]
