"""Entries of search: the words of a course and its materials, kept as its rows are.

Written in the transaction that writes the course; what says the same as before is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from merlin.course.words import folded, searchable
from merlin.store.course_tables import COURSE, MATERIAL, SEARCH_ENTRY
from merlin.store.database import CHUNK, Database, Row

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
        "body": searchable(f"{_KINDS.get(row['kind'], '')} {row['lesson']}"),
        "letters": _letters(titles),
    }


def _words(texts: Iterable[str]) -> str:
    return " ".join(searchable(text) for text in dict.fromkeys(texts))


def _letters(texts: Iterable[str]) -> str:
    # A folded text has no line ends, so no query reaches over one.
    return "\n".join(dict.fromkeys(folded(text) for text in texts))
