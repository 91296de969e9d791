"""Rows of the catalogue in parts; fulfils `course.listing.Listing`.

Its SELECTs are plain SQL: peewee takes longer to spell one than a database to answer it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from merlin.course.catalogue import KINDS, Course, Material
from merlin.course.listing import START, Place, Teacher
from merlin.store.database import CHUNK, Database

_COURSE = (
    "SELECT id, slug, semester, name_ru, name_en, description_ru, description_en, is_active,"
    " lecture, seminar, lab FROM course WHERE "
)
_MATERIAL = (
    "SELECT course_id, id, lesson, kind, title_ru, title_en, text_path, file_url FROM material"
    " WHERE place IS NOT NULL AND "
)
_TEACHERS = "SELECT course_id, teacher FROM course_teacher WHERE course_id IN ({}) ORDER BY place"
_LEADING = (
    "SELECT teacher, course_id FROM course_teacher JOIN course ON course.id = course_id"
    " WHERE is_active = 1 ORDER BY semester, slug"
)
_SEMESTERS = (
    "SELECT semester, COUNT(*) FROM course WHERE is_active = 1 GROUP BY semester ORDER BY semester"
)
_Row = tuple[Any, ...]


class ListingRows:
    """The catalogue as the newest recorded commit left it."""

    def __init__(self, db: Database) -> None:
        self.db = db
        # Letters in the same order on every machine, and the order of the index `course_order`.
        self._slug = "slug" if db.dialect == "sqlite" else 'slug COLLATE "C"'

    def part(self, most: int, after: Place = START, semester: int | None = None) -> list[Course]:
        """Return so many courses after a place, by semester, then slug."""
        where = f"is_active = 1 AND (semester, {self._slug}) > (?, ?)"
        values: list[object] = [*after]
        if semester is not None:
            where, values = f"{where} AND semester = ?", [*values, semester]
        order = f" ORDER BY semester, {self._slug} LIMIT ?"
        with self.db.snapshot():
            return self._courses(self.db.sql(_COURSE + where + order, *values, most))

    def cards(self, course_ids: Sequence[int], *, active_only: bool = True) -> list[Course]:
        """Return these courses in this order, without those that are not there."""
        with self.db.snapshot():
            found = self._courses(list(self._those(_COURSE + "id IN ({})", course_ids)))
        # Sorted out here: asked for both, SQLite would look through all that are active.
        by_id = {each.course_id: each for each in found if each.is_active or not active_only}
        return [by_id[each] for each in course_ids if each in by_id]

    def materials(self, course_id: int) -> list[Material]:
        """Return a course's materials, active or not, by kind, lesson and place in its file."""
        rows = self.db.sql(_MATERIAL + "course_id = ? ORDER BY lesson, place", course_id)
        return sorted(map(_material, rows), key=lambda each: KINDS.index(each.kind))

    def materials_of(self, ids: Sequence[int]) -> list[tuple[int, Material]]:
        """Return these materials with their courses' numbers, in this order."""
        rows = self._those(_MATERIAL + "id IN ({})", ids)
        by_id = {row[1]: (row[0], _material(row)) for row in rows}
        return [by_id[each] for each in ids if each in by_id]

    def semesters(self) -> list[tuple[int, int]]:
        """Return each semester that has courses, and how many."""
        return [(semester, int(count)) for semester, count in self.db.sql(_SEMESTERS)]

    def teachers(self) -> list[Teacher]:
        """Return who leads courses, by name, with their courses without materials."""
        led: dict[str, list[int]] = defaultdict(list)
        with self.db.snapshot():
            for name, course_id in self.db.sql(_LEADING):
                led[name].append(course_id)
            rows = self._those(
                _COURSE + "id IN ({})", list({i for ids in led.values() for i in ids})
            )
        known = {row[0]: _course(row, ()) for row in rows}
        return [Teacher(name, tuple(known[i] for i in led[name])) for name in sorted(led)]

    def _courses(self, rows: Sequence[_Row]) -> list[Course]:
        ids = [row[0] for row in rows]
        teachers: dict[int, tuple[str, ...]] = {}
        for course_id, name in self._those(_TEACHERS, ids):
            teachers[course_id] = (*teachers.get(course_id, ()), name)
        return [_course(row, teachers.get(row[0], ())) for row in rows]

    def _those(self, asked: str, ids: Sequence[int]) -> Iterator[_Row]:
        """Yield what a SELECT finds of these ids, so many at once as a statement may hold."""
        for at in range(0, len(ids), CHUNK):
            these = ids[at : at + CHUNK]
            yield from self.db.sql(asked.format(", ".join("?" * len(these))), *these)


# A row that was read before is the same course: values are never changed.
@lru_cache(4096)
def _course(row: _Row, teachers: tuple[str, ...]) -> Course:
    course_id, slug, semester, name_ru, name_en, about_ru, about_en, is_active, *counts = row
    lecture, seminar, lab = counts
    return Course(
        course_id,
        slug,
        semester,
        {"ru": name_ru, "en": name_en},
        {"ru": about_ru, "en": about_en},
        bool(is_active),
        teachers,
        lecture + seminar + lab,
        {"lecture": lecture, "seminar": seminar, "lab": lab},
    )


def _material(row: _Row) -> Material:
    _, material_id, lesson, kind, russian, english, text, file_url = row
    return Material(material_id, lesson, kind, {"ru": russian, "en": english}, text, file_url)
