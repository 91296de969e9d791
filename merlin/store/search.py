"""Rows of search; fulfils `course.search.SearchIndex`.

SQLite answers from FTS5, PostgreSQL from tsvectors; both hold the same stems, and every word of a
query is quoted, so that none is read as a part of their languages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from merlin.course.search import NAME_WEIGHT, Hit, Kind, Term
from merlin.store.database import Database

# ruff: noqa: S608 - only our own names and numbers are put into these statements
_VECTOR = (
    "(setweight(to_tsvector('simple', name), 'A') || setweight(to_tsvector('simple', body), 'D'))"
)
_SIDES = {Kind.COURSE: "< 0", Kind.MATERIAL: "> 0"}
# With so many, hardly any text is left to look into.
_MOST_THIRDS = 12
_TEXTS = "SELECT letters FROM search_entry"


class SearchRows:
    """The words of the catalogue as the newest recorded commit left it."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._is_sqlite = db.dialect == "sqlite"

    def ranked(self, terms: Sequence[Term], kind: Kind, most: int) -> list[Hit]:
        """Return what holds every term, best first."""
        if self._is_sqlite:
            return self._hits(_ranked_by_fts(kind), _match(terms), most)
        return self._hits(_ranked_by_vector(kind), _tsquery(terms), most)

    def holding(self, letters: str, kind: Kind, most: int) -> list[Hit]:
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
