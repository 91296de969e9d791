"""Search in courses and materials: the index, the query, the highlighted hits.

Search: courses and materials by what somebody types, in Russian or English.

All words must be there, each in any of its forms; the last one may be half typed. Ranked ones
come first (a name counts five times a description), then those that hold the very letters; where
few are found, words with one slip of the finger are put right, and the whole is tried as typed on
the other keyboard.

Entries of search: the words of a course and its materials, kept as its rows are.

Written in the transaction that writes the course; what says the same as before is left as it is.

Highlight: where in a text stands what a search has found, to be marked for the reader.

SQLite answers from FTS5, PostgreSQL from tsvectors; both hold the same stems, and every word of a
query is quoted, so that none is read as a part of their languages.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from merlin.course.vocabulary import (
    Vocabulary,
    fold,
    index_words,
    split_words,
    stem,
    word_positions,
)
from merlin.db.database import CHUNK, Database, Repository, Row
from merlin.db.tables import COURSE, MATERIAL, SEARCH_ENTRY

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


class VocabularyCache:
    """The words of the catalogue, read once for each version; from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[int, Vocabulary] = (-1, Vocabulary(()))

    @property
    def version(self) -> int:
        """Return the newest version whose words are known, -1 before any."""
        return self._known[0]

    def read(self, version: int, texts: Callable[[], Iterable[str]]) -> Vocabulary:
        """Return the words at this version; `texts` reads them where they are not known."""
        with self._lock:
            if self._known[0] != version:
                self._known = version, Vocabulary(texts())
            return self._known[1]


class Searcher:
    """Search over one index.

    Its methods read the index, so they are called where that may be read; from any thread.
    """

    def __init__(
        self, index: SearchIndex, version: Callable[[], int], cache: VocabularyCache
    ) -> None:
        self._index = index
        self._version = version
        self._cache = cache

    def search(self, query: str, kind: Kind = Kind.COURSE, most: int = 50) -> Found:
        """Return what is found; nothing for a query without a letter or digit.

        Only the first `LONGEST` signs and the first `MOST_WORDS` words count.
        """
        letters = fold(query[:LONGEST])
        terms = parse_terms(letters)
        found = Found(self._hits(terms, letters, kind, most), terms, letters)
        if len(found.hits) >= min(FEW, most) or not terms:
            return found
        return self._put_right(found, kind, most)

    def _hits(self, terms: Sequence[Term], letters: str, kind: Kind, most: int) -> tuple[Hit, ...]:
        hits = self._index.ranked(terms, kind, most) if terms else []
        if letters and len(hits) < most:
            hits += self._index.containing(letters, kind, most)
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

    def vocabulary(self) -> Vocabulary:
        """Return the words of the catalogue as it is now."""
        return self._cache.read(self._version(), self._index.texts)


def parse_terms(letters: str) -> tuple[Term, ...]:
    """Return the terms of a folded query; the last word may be half typed."""
    return _terms([(word,) for word in split_words(letters)[:MOST_WORDS]])


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


# By what a material is found besides its title; the words are those of both languages.
_KINDS = {
    "lecture": "лекция lecture",
    "seminar": "семинар seminar",
    "lab": "лабораторная работа lab",
}


def follow_entries(db: Database, course_id: int) -> None:
    """Let search find the course and its materials as their rows are now."""
    entries = {row["id"]: row for row in _entries(db, course_id)}
    mine = SEARCH_ENTRY.select().where(SEARCH_ENTRY.course_id == course_id)
    known = {row["id"]: row for row in db.rows(mine)}
    old = [number for number, row in known.items() if entries.get(number) != row]
    for at in range(0, len(old), CHUNK):
        db.change(SEARCH_ENTRY.delete().where(SEARCH_ENTRY.id.in_(old[at : at + CHUNK])))
    new = [row for number, row in entries.items() if known.get(number) != row]
    db.add_many(SEARCH_ENTRY, new)


def _entries(db: Database, course_id: int) -> list[Row]:
    is_shown = (COURSE.id == course_id) & (COURSE.is_active == 1)
    course = db.row(COURSE.select().where(is_shown))
    if course is None:
        return []
    is_listed = MATERIAL.place.is_null(False)  # noqa: FBT003 - peewee's own signature
    materials = MATERIAL.select().where((MATERIAL.course_id == course_id) & is_listed)
    return entries_of(course, db.rows(materials))


def entries_of(course: Row, materials: Sequence[Row]) -> list[Row]:
    """Return the entries of a row of the table course and of its rows of the table material."""
    return [_of_course(course), *map(_of_material, materials)]


def _of_course(row: Row) -> Row:
    names = [row["name_ru"], row["name_en"]]
    about = [row["description_ru"], row["description_en"]]
    return {
        "id": -row["id"],
        "course_id": row["id"],
        "name": _words(names),
        "body": _words(about),
        "letters": _letters([*names, *about]),
    }


def _of_material(row: Row) -> Row:
    titles = [row["title_ru"], row["title_en"]]
    return {
        "id": row["id"],
        "course_id": row["course_id"],
        "name": _words(titles),
        "body": index_words(f"{_KINDS.get(row['kind'], '')} {row['lesson']}"),
        "letters": _letters(titles),
    }


def _words(texts: Iterable[str]) -> str:
    return " ".join(index_words(text) for text in dict.fromkeys(texts))


def _letters(texts: Iterable[str]) -> str:
    # A folded text has no line ends, so no query reaches over one.
    return "\n".join(dict.fromkeys(fold(text) for text in texts))


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text; both count signs (Unicode code points), `start` from 0."""

    start: int
    length: int


def highlight_spans(text: str, found: Found) -> list[Span]:
    """Return what to mark in `text`, in order, without overlaps."""
    if not (found.terms or found.letters):
        return []
    marked = sorted({*_words_of_text(text, found.terms), *_letter_runs(text, found.letters)})
    whole: list[tuple[int, int]] = []
    for start, end in marked:
        if whole and start < whole[-1][1]:
            whole[-1] = whole[-1][0], max(end, whole[-1][1])
        else:
            whole.append((start, end))
    return [Span(start, end - start) for start, end in whole]


def _words_of_text(text: str, terms: Sequence[Term]) -> Iterator[tuple[int, int]]:
    wanted = {one for term in terms for one in term.stems}
    prefixes = tuple(term.prefix for term in terms if term.prefix)
    for word, start, end in word_positions(text):
        if stem(word) in wanted:
            yield start, end
        elif prefixes and word.startswith(prefixes):
            length = max(len(prefix) for prefix in prefixes if word.startswith(prefix))
            yield start, min(start + length, end)


def _letter_runs(text: str, letters: str) -> Iterator[tuple[int, int]]:
    """Yield where the very letters stand; one sign of the text may fold to none or to two."""
    if not letters or letters not in fold(text):
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
        part = fold(text[start:end]) or " "
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


# ruff: noqa: S608 - only our own names and numbers are put into these statements
_VECTOR = (
    "(setweight(to_tsvector('simple', name), 'A') || setweight(to_tsvector('simple', body), 'D'))"
)
_SIDES = {Kind.COURSE: "< 0", Kind.MATERIAL: "> 0"}
# With so many, hardly any text is left to look into.
_MOST_THIRDS = 12
_TEXTS = "SELECT letters FROM search_entry"


class SearchIndex(Repository):
    """The words of the catalogue as the newest recorded commit left it."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._is_sqlite = db.dialect == "sqlite"

    def ranked(self, terms: Sequence[Term], kind: Kind, most: int) -> list[Hit]:
        """Return what holds every term, best first."""
        if self._is_sqlite:
            return self._hits(_ranked_by_fts(kind), _match(terms), most)
        return self._hits(_ranked_by_vector(kind), _tsquery(terms), most)

    def containing(self, letters: str, kind: Kind, most: int) -> list[Hit]:
        """Return what holds these letters, folded, within its name or description."""
        thirds = _thirds(letters) if self._is_sqlite else ""
        if thirds:
            return self._hits(_holding_by_fts(kind), thirds, letters, most)
        return self._hits(_holding_by_scan(kind, self._is_sqlite), letters, most)

    def texts(self) -> Iterable[str]:
        """Return every folded text that can be found."""
        return (str(row[0]) for row in self.db.sql(_TEXTS))

    def _hits(self, asked: str, *values: object) -> list[Hit]:
        return [Hit(course, max(number, 0)) for course, number in self.db.sql(asked, *values)]


def _ranked_by_fts(kind: Kind) -> str:
    return (
        "SELECT course_id, found.id FROM (SELECT rowid AS id, rank AS place FROM search_stem"
        f" WHERE search_stem MATCH ? AND rank MATCH 'bm25({NAME_WEIGHT}, 1.0)'"
        f" AND rowid {_SIDES[kind]} ORDER BY rank, abs(rowid) LIMIT ?) AS found"
        " JOIN search_entry ON search_entry.id = found.id ORDER BY place, abs(found.id)"
    )


def _ranked_by_vector(kind: Kind) -> str:
    weights = f"{{{1 / NAME_WEIGHT}, {1 / NAME_WEIGHT}, {1 / NAME_WEIGHT}, 1.0}}"
    return (
        "SELECT course_id, id FROM search_entry, to_tsquery('simple', ?) AS asked"
        f" WHERE {_VECTOR} @@ asked AND id {_SIDES[kind]}"
        f" ORDER BY ts_rank('{weights}', {_VECTOR}, asked) DESC, abs(id) LIMIT ?"
    )


def _holding_by_fts(kind: Kind) -> str:
    # By MATCH, then by looking: FTS5 of SQLite 3.40 crashes on some patterns of LIKE and GLOB.
    return (
        "SELECT course_id, id FROM search_letter JOIN search_entry ON id = search_letter.rowid"
        f" WHERE search_letter MATCH ? AND search_letter.rowid {_SIDES[kind]}"
        " AND instr(search_entry.letters, ?) > 0 LIMIT ?"
    )


def _holding_by_scan(kind: Kind, is_sqlite: bool) -> str:  # noqa: FBT001 - a side of the dialect
    place = "instr" if is_sqlite else "strpos"
    return (
        f"SELECT course_id, id FROM search_entry WHERE {place}(letters, ?) > 0"
        f" AND id {_SIDES[kind]} ORDER BY id {'DESC' if kind is Kind.COURSE else 'ASC'} LIMIT ?"
    )


def _thirds(letters: str) -> str:
    """Return every three letters in the language of FTS5, "" for fewer."""
    places = range(min(len(letters) - 2, _MOST_THIRDS))
    thirds = dict.fromkeys(letters[place : place + 3] for place in places)
    return " AND ".join('"' + third.replace('"', '""') + '"' for third in thirds)


def _match(terms: Sequence[Term]) -> str:
    """Return the terms in the language of FTS5."""
    either = [" OR ".join(_either(term, '"', '"*')) for term in terms]
    return " AND ".join(f"({one})" for one in either)


def _tsquery(terms: Sequence[Term]) -> str:
    """Return the terms in the language of PostgreSQL."""
    either = [" | ".join(_either(term, "'", "':*")) for term in terms]
    return " & ".join(f"({one})" for one in either)


def _either(term: Term, quote: str, begins: str) -> list[str]:
    """Return what a term may be met by; its words are letters and digits alone."""
    stems = [f"{quote}{stem}{quote}" for stem in term.stems]
    return [*stems, f"{quote}{term.prefix}{begins}"] if term.prefix else stems
