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
from merlin.db.database import CHUNK, Database, Repository, Row
from merlin.db.tables import COURSE, MATERIAL, SEARCH_ENTRY

T = TypeVar("T")
LONGEST = 200
# With fewer hits than that it is looked whether a word was mistyped.
FEW = 3
NAME_WEIGHT = 5.0
# What is looked for.
Kind = Literal["course", "material"]
# What was found: the numbers of a course and of a material of it, 0 for the course itself.
Hit = tuple[int, int]


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


class VersionCache(Generic[T]):
    """What was made of the catalogue, once for each version; from any thread.

    `version` is the newest one that it was made of, -1 before any.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: T | None = None
        self.version = -1

    def read(self, version: int, make: Callable[[], T]) -> T:
        """Return what is made at this version; `make` reads it where it is not known."""
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
) -> Found:
    """Return what is found; nothing for a query without a letter or digit.

    Only the first `LONGEST` signs and the first `MAX_WORDS` words count. `vocabulary` reads the
    words of the catalogue: where hardly anything is found, mistyped ones are put right.
    """
    letters = fold(query[:LONGEST])
    terms = parse_terms(letters)
    hits = index.ranked(terms, kind, most) if terms else []
    if letters and len(hits) < most:
        hits += index.containing(letters, kind, most)
    found = Found(_once(hits)[:most], terms, letters)
    if len(found.hits) >= min(FEW, most) or not terms:
        return found
    meant = vocabulary().corrections(letters, MAX_WORDS)
    if meant is None:
        return found
    meant_terms = terms_of(meant)
    more = _once([*found.hits, *index.ranked(meant_terms, kind, most)])[:most]
    if len(more) == len(found.hits):
        return found
    suggestion = " ".join(each[0] for each in meant)
    return replace(found, hits=more, terms=(*terms, *meant_terms), suggestion=suggestion)


def _once(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    return tuple(dict.fromkeys(hits))


# By what a material is found besides its title; the words are those of both languages.
_KINDS = {
    "lecture": "лекция lecture",
    "seminar": "семинар seminar",
    "lab": "лабораторная работа lab",
}


def follow_entries(db: Database, course_id: int) -> None:
    """Let search find the course and its materials as their rows are now."""
    is_shown = (COURSE.id == course_id) & (COURSE.is_active == 1)
    course, entries = db.row(COURSE.select().where(is_shown)), dict[int, Row]()
    if course is not None:
        is_listed = MATERIAL.place.is_null(False)  # noqa: FBT003 - peewee's own signature
        materials = MATERIAL.select().where((MATERIAL.course_id == course_id) & is_listed)
        entries = {row["id"]: row for row in entries_of(course, db.rows(materials))}
    query = SEARCH_ENTRY.select().where(SEARCH_ENTRY.course_id == course_id)
    known = {row["id"]: row for row in db.rows(query)}
    old = [number for number, row in known.items() if entries.get(number) != row]
    for at in range(0, len(old), CHUNK):
        db.change(SEARCH_ENTRY.delete().where(SEARCH_ENTRY.id.in_(old[at : at + CHUNK])))
    new = [row for number, row in entries.items() if known.get(number) != row]
    db.add_many(SEARCH_ENTRY, new)


def entries_of(course: Row, materials: Sequence[Row]) -> list[Row]:
    """Return the entries of a row of the table course and of its rows of the table material."""
    names = [course["name_ru"], course["name_en"]]
    about = [course["description_ru"], course["description_en"]]
    entry = {
        "id": -course["id"],
        "course_id": course["id"],
        "name": _words(names),
        "body": _words(about),
        "letters": _letters([*names, *about]),
    }
    return [entry, *map(_of_material, materials)]


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


def highlight_spans(text: str, found: Found) -> list[tuple[int, int]]:
    """Return from where to where to mark `text`, in order, without overlaps; in code points."""
    if not (found.terms or found.letters):
        return []
    whole: list[tuple[int, int]] = []
    for start, end in sorted({*_words_of_text(text, found.terms), *_runs(text, found.letters)}):
        if whole and start < whole[-1][1]:
            whole[-1] = whole[-1][0], max(end, whole[-1][1])
        else:
            whole.append((start, end))
    return whole


def _words_of_text(text: str, terms: Sequence[Term]) -> Iterator[tuple[int, int]]:
    requested = {one for term in terms for one in term.stems}
    prefixes = tuple(term.prefix for term in terms if term.prefix)
    for word, start, end in word_positions(text):
        if stem(word) in requested:
            yield start, end
        elif prefixes and word.startswith(prefixes):
            length = max(len(prefix) for prefix in prefixes if word.startswith(prefix))
            yield start, min(start + length, end)


def _runs(text: str, letters: str) -> Iterator[tuple[int, int]]:
    """Yield where the very letters stand; one sign of the text may fold to none or to two."""
    if not letters or letters not in fold(text):
        return
    folded, origin = _folded(text)
    place = folded.find(letters)
    while place >= 0:
        last = place + len(letters) - 1
        yield origin[place][0], origin[last][1]
        place = folded.find(letters, last + 1)


def _folded(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return the folded text, and from where to where each of its signs comes from."""
    characters: list[str] = []
    origin: list[tuple[int, int]] = []
    start = 0
    for end in range(1, len(text) + 1):
        # With the accents that follow a sign.
        if end < len(text) and unicodedata.combining(text[end]):
            continue
        part, place, start = fold(text[start:end]) or " ", (start, end), end
        if part == " " and (not characters or characters[-1] == " "):
            continue
        characters += part
        origin += [place] * len(part)
    return "".join(characters), origin


# ruff: noqa: S608 - only our own names and numbers are put into these statements
_VECTOR = (
    "(setweight(to_tsvector('simple', name), 'A') || setweight(to_tsvector('simple', body), 'D'))"
)
_SIDES: dict[Kind, str] = {"course": "< 0", "material": "> 0"}
# With so many, hardly any text is left to look into.
_MAX_THIRDS = 12


class SearchIndex(Repository):
    """The words of the catalogue as the newest recorded commit left it."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._is_sqlite = db.dialect == "sqlite"

    def ranked(self, terms: Sequence[Term], kind: Kind, most: int) -> list[Hit]:
        """Return what holds every term, best first."""
        if self._is_sqlite:
            text = (
                "SELECT course_id, found.id FROM (SELECT rowid AS id, rank AS place"
                " FROM search_stem WHERE search_stem MATCH ?"
                f" AND rank MATCH 'bm25({NAME_WEIGHT}, 1.0)'"
                f" AND rowid {_SIDES[kind]} ORDER BY rank, abs(rowid) LIMIT ?) AS found"
                " JOIN search_entry ON search_entry.id = found.id ORDER BY place, abs(found.id)"
            )
            return self._hits(text, match_query(terms), most)
        weights = f"{{{1 / NAME_WEIGHT}, {1 / NAME_WEIGHT}, {1 / NAME_WEIGHT}, 1.0}}"
        text = (
            "SELECT course_id, id FROM search_entry, to_tsquery('simple', ?) AS asked"
            f" WHERE {_VECTOR} @@ asked AND id {_SIDES[kind]}"
            f" ORDER BY ts_rank('{weights}', {_VECTOR}, asked) DESC, abs(id) LIMIT ?"
        )
        return self._hits(text, vector_query(terms), most)

    def containing(self, letters: str, kind: Kind, most: int) -> list[Hit]:
        """Return what holds these letters, folded, within its name or description."""
        if self._is_sqlite:
            # FTS5 knows every three letters; shorter queries look through all texts.
            places = range(min(len(letters) - 2, _MAX_THIRDS))
            thirds = dict.fromkeys(letters[place : place + 3] for place in places)
            message = " AND ".join('"' + third.replace('"', '""') + '"' for third in thirds)
            if message:
                # By MATCH, then by looking: FTS5 of SQLite 3.40 crashes on some patterns of LIKE
                # and GLOB.
                text = (
                    "SELECT course_id, id FROM search_letter"
                    " JOIN search_entry ON id = search_letter.rowid"
                    f" WHERE search_letter MATCH ? AND search_letter.rowid {_SIDES[kind]}"
                    " AND instr(search_entry.letters, ?) > 0 LIMIT ?"
                )
                return self._hits(text, message, letters, most)
        text = (
            f"SELECT course_id, id FROM search_entry"
            f" WHERE {'instr' if self._is_sqlite else 'strpos'}(letters, ?) > 0"
            f" AND id {_SIDES[kind]} ORDER BY id {'DESC' if kind == 'course' else 'ASC'} LIMIT ?"
        )
        return self._hits(text, letters, most)

    def texts(self) -> Iterable[str]:
        """Return every folded text that can be found."""
        return (str(row[0]) for row in self.db.sql("SELECT letters FROM search_entry"))

    def _hits(self, query: str, *values: object) -> list[Hit]:
        return [(course, max(number, 0)) for course, number in self.db.sql(query, *values)]
