"""The catalogue in parts, favourites, texts to read.

Favourite: a course that somebody keeps at hand, in the Sider of the page.

Listing: the catalogue in parts, for those who show it or hand it on to programs.

Reading: what the pages show of a course beyond its card: texts, and how many of which kind.

Rows of what is read in courses.

Rows of favourite courses.

Its SELECTs are plain SQL: peewee takes longer to spell one than a database to answer it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from peewee import fn

from merlin.core.clock import Clock, iso, utc_now
from merlin.core.errors import NotFound, Refused
from merlin.course.catalogue import KINDS, Course, Material
from merlin.dataset.layout import MATERIALS
from merlin.db.database import CHUNK, Database, transaction
from merlin.db.tables import COURSE, DATASET_FILE, DATASET_TEXT, FAVOURITE, MATERIAL

# Nobody reads a longer Sider, and a program must not fill the database.
MOST = 500


# Where a part begins: the semester and slug of the last course before it.
Place = tuple[int, str]
START: Place = (0, "")


@dataclass(frozen=True, slots=True)
class Teacher:
    """Somebody who leads courses; `name` is their account name."""

    name: str
    courses: tuple[Course, ...]


class Readings:
    """Texts of files and counts of materials, as the newest commit left them."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def text(self, dataset: str, path: str) -> str | None:
        """Return a file of the newest commit, None where there is none or it is no text."""
        query = DATASET_TEXT.select(DATASET_TEXT.text)
        query = query.join(DATASET_FILE, on=(DATASET_TEXT.blob == DATASET_FILE.blob))
        named = (DATASET_FILE.dataset == dataset) & (DATASET_FILE.path == path)
        found = self.db.value(query.where(named))
        return None if found is None else str(found)

    def lengths(self, dataset: str) -> Mapping[str, int]:
        """Return path -> how many characters, of the texts of a dataset's materials."""
        length = fn.LENGTH(DATASET_TEXT.text).alias("length")
        query = DATASET_TEXT.select(DATASET_FILE.path, length)
        query = query.join(DATASET_FILE, on=(DATASET_TEXT.blob == DATASET_FILE.blob))
        is_text = fn.SUBSTR(DATASET_FILE.path, 1, len(MATERIALS)) == MATERIALS
        rows = self.db.rows(query.where((DATASET_FILE.dataset == dataset) & is_text))
        return {row["path"]: int(row["length"] or 0) for row in rows}

    def kinds(self) -> Mapping[int, Mapping[str, int]]:
        """Return course id -> kind -> how many materials of it a course has now."""
        columns = (MATERIAL.course_id, MATERIAL.kind, fn.COUNT(MATERIAL.id).alias("count"))
        is_listed = MATERIAL.place.is_null(False)  # noqa: FBT003 - peewee's own signature
        query = MATERIAL.select(*columns).where(is_listed)
        counted: dict[int, dict[str, int]] = {}
        for row in self.db.rows(query.group_by(MATERIAL.course_id, MATERIAL.kind)):
            counted.setdefault(row["course_id"], {})[row["kind"]] = int(row["count"])
        return counted


class Favourites:
    """One row a person and course."""

    def __init__(self, db: Database, clock: Clock = utc_now, most: int = MOST) -> None:
        self.db = db
        self._clock = clock
        self._most = most

    @transaction
    def add(self, user_id: int, course_id: int) -> bool:
        """Keep a course; False when it is kept already.

        Raises NotFound for a course that is not there or not active, Refused beyond `MOST`.
        """
        here = (COURSE.id == course_id) & (COURSE.is_active == 1)
        if self.db.value(COURSE.select(COURSE.id).where(here)) is None:
            raise NotFound(f"no course {course_id}", "course-unknown")
        mine = FAVOURITE.user_id == user_id
        kept = FAVOURITE.select(FAVOURITE.id).where(mine & (FAVOURITE.course_id == course_id))
        if self.db.value(kept) is not None:
            return False
        if int(self.db.value(FAVOURITE.select(fn.COUNT(FAVOURITE.id)).where(mine))) >= self._most:
            words = f"{self._most} favourites"
            raise Refused(words, "course-too-many-favourites", limit=self._most)
        row = {"user_id": user_id, "course_id": course_id, "at": iso(self._clock())}
        return self.db.put(FAVOURITE.insert(row).on_conflict_ignore())

    @transaction
    def remove(self, user_id: int, course_id: int) -> bool:
        """Let a course go; False when it was not kept."""
        this = (FAVOURITE.user_id == user_id) & (FAVOURITE.course_id == course_id)
        return self.db.change(FAVOURITE.delete().where(this)) > 0

    def of(self, user_id: int) -> list[int]:
        """Return the ids of a person's active courses, in the order in which they were added."""
        query = FAVOURITE.select(FAVOURITE.course_id)
        query = query.join(COURSE, on=(COURSE.id == FAVOURITE.course_id))
        mine = (FAVOURITE.user_id == user_id) & (COURSE.is_active == 1)
        rows = self.db.rows(query.where(mine).order_by(FAVOURITE.id))
        return [row["course_id"] for row in rows]


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


class Listing:
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
