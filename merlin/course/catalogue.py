"""The catalogue: courses and their materials as the followed branch describes them, as rows.

A course is a dataset with a course.yaml. Its rows follow the branch: `follow_course` runs in the
transaction that records a commit, and `index` makes them anew from all datasets where the line was
rewritten. Ids stay through edits; what git has no longer is kept, not shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from peewee import Case, fn

from merlin.core.clock import iso, utc_now
from merlin.core.errors import NotFound
from merlin.core.i18n import LANGUAGES
from merlin.course.search import follow_entries
from merlin.dataset.check import CheckedDataset
from merlin.dataset.finding import Severity
from merlin.dataset.layout import COURSE_FILE, MATERIALS, is_valid_name
from merlin.dataset.spec import CourseSpec, Localised, MaterialSpec
from merlin.db.database import Database, Prepared, Repository, transaction
from merlin.db.tables import (
    COURSE,
    COURSE_INDEX,
    COURSE_TEACHER,
    DATASET_FILE,
    DATASET_TEXT,
    MATERIAL,
)
from merlin.db.values import storable_text

KINDS = ("lecture", "seminar", "lab")


@dataclass(frozen=True, slots=True)
class Course:
    """A course; `slug` is its name in addresses and the name of its dataset.

    `course_id` stays for as long as the database does. `semester` counts from 1; `teachers` are
    account names; `materials` is how many there are, `counts` how many of each kind. One that git
    has no longer is not active.
    """

    course_id: int
    slug: str
    semester: int
    name: Localised
    description: Localised
    is_active: bool = True
    teachers: tuple[str, ...] = ()
    materials: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def dataset(self) -> str:
        """Return the dataset whose model answers about this course."""
        return self.slug

    def title(self, language: str) -> str:
        """Return its name in `language`, else in another one, else its slug."""
        return localised(self.name, language) or self.slug

    def about(self, language: str) -> str:
        """Return its description in `language`, else in another one, else ""."""
        return localised(self.description, language)


@dataclass(frozen=True, slots=True)
class Material:
    """One material of a course; `kind` is lecture, seminar or lab.

    `text` is the path of its Markdown file within the dataset's folder, `file_url` a link; one of
    them at least is there, the other is "".
    """

    material_id: int
    lesson: int
    kind: str
    name: Localised
    text: str = ""
    file_url: str = ""

    @property
    def has_text(self) -> bool:
        """Return whether it can be read here."""
        return bool(self.text)

    def title(self, language: str) -> str:
        """Return its title in `language`, else in another one."""
        return localised(self.name, language)


def localised(texts: Localised, language: str) -> str:
    """Return the text in `language`, else in another that has one, else ""."""
    # Said of every course of a list: mostly the wanted one is there.
    return texts.get(language) or next((texts[each] for each in LANGUAGES if texts.get(each)), "")


def has_course_change(dataset: str, checked: CheckedDataset | None) -> bool:
    """Return whether a commit says what the course of a dataset is now, or that it has none.

    `checked` is None for a dataset that the commit removed. A broken course.yaml says nothing,
    and neither does one in a folder whose name is no slug: what was known stays.
    """
    if checked is None:
        return True
    broken = any(
        finding.path == COURSE_FILE and finding.severity is Severity.ERROR
        for finding in checked.findings
    )
    return is_valid_name(dataset) and not broken


# By what a material is known again after an edit: the first that fits counts.
_SIGNS: tuple[Callable[[Material | MaterialSpec], object], ...] = (
    lambda each: (each.lesson, each.kind, each.text or each.file_url),
    lambda each: each.text or each.file_url,
    lambda each: (each.lesson, each.kind, _title(each)),
)


def match_materials(
    materials: Sequence[Material], material_specs: Sequence[MaterialSpec]
) -> list[int | None]:
    """Return, for each material of a course.yaml, the id of the known one that it is, or None.

    So an id outlives another title, lesson, type, file or place; no id is given twice.
    """
    ids: list[int | None] = [None] * len(material_specs)
    for sign in _SIGNS:
        given = set(ids)
        left: dict[object, list[int]] = {}
        for material in materials:
            if material.material_id not in given:
                left.setdefault(sign(material), []).append(material.material_id)
        for place, spec in enumerate(material_specs):
            if ids[place] is None and left.get(sign(spec)):
                ids[place] = left[sign(spec)].pop(0)
    return ids


def _title(material: Material | MaterialSpec) -> object:
    titles = material.name if isinstance(material, Material) else material.title
    return tuple(titles.get(language, "") for language in LANGUAGES)


_IS_LISTED = MATERIAL.place.is_null(False)  # noqa: FBT003 - peewee's own signature
_COURSE = (
    "SELECT id, slug, semester, name_ru, name_en, description_ru, description_en, is_active,"
    " lecture, seminar, lab FROM course WHERE "
)
_MATERIAL = (
    "SELECT course_id, id, lesson, kind, title_ru, title_en, text_path, file_url FROM material"
    " WHERE "
)
_OF_SLUG = "place IS NOT NULL AND course_id = (SELECT id FROM course WHERE slug = ?)"
_TEACHERS = (
    "SELECT course_id, teacher FROM course_teacher WHERE course_id IN"
    " (SELECT id FROM course WHERE {}) ORDER BY place"
)
_Row = tuple[Any, ...]
# Read with each answer that is not kept.
_VERSION = Prepared(COURSE_INDEX.select(COURSE_INDEX.version).limit(1))


class Catalogue(Repository):
    """The catalogue as the newest recorded commit left it.

    Its SELECTs of whole courses are plain SQL: peewee takes longer to spell one than a database
    to answer it.
    """

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        # Letters in the same order on every machine, and the order of the index `course_order`.
        self._slug = "slug" if db.dialect == "sqlite" else 'slug COLLATE "C"'

    def courses(self, *, active_only: bool = True) -> list[Course]:
        """Return the courses by semester, then slug."""
        return self._courses("is_active = 1" if active_only else "1 = 1")

    def numbered(self, course_id: int) -> Course | None:
        """Return one course, active or not; None where there is none of this number."""
        return next(iter(self._courses("id = ?", course_id)), None)

    def course(self, slug: str) -> Course:
        """Return one course, active or not. Raises NotFound."""
        found = self._courses("slug = ?", slug)
        if not found:
            raise NotFound(f"no course {slug}", "course-none", course=slug)
        return found[0]

    def materials(self, slug: str) -> list[Material]:
        """Return a course's materials by kind, lesson and place in its file. Raises NotFound."""
        found = self.course_materials(slug)
        if not found:
            self.course(slug)
        return found

    def course_materials(self, slug: str) -> list[Material]:
        """Return what `materials` returns, nothing where there is no such course."""
        rows = self.db.sql(_MATERIAL + _OF_SLUG + " ORDER BY lesson, place", slug)
        return sorted(map(_material, rows), key=lambda each: KINDS.index(each.kind))

    def materials_numbered(self, ids: Sequence[int]) -> list[tuple[int, Material]]:
        """Return the materials of these numbers with their courses' numbers, in this order."""
        # No list of values is empty in PostgreSQL; no number is 0.
        which = ", ".join("?" * len(ids)) or "0"
        rows = self.db.sql(_MATERIAL + f"place IS NOT NULL AND id IN ({which})", *ids)
        by_id = {row[1]: (row[0], _material(row)) for row in rows}
        return [by_id[each] for each in ids if each in by_id]

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

    def _courses(self, where: str, *values: object) -> list[Course]:
        with self.db.snapshot():
            rows = self.db.sql(_COURSE + where + f" ORDER BY semester, {self._slug}", *values)
            named = self.db.sql(_TEACHERS.format(where), *values)
        teachers: dict[int, tuple[str, ...]] = {}
        for course_id, name in named:
            teachers[course_id] = (*teachers.get(course_id, ()), name)
        return [_course(row, teachers.get(row[0], ())) for row in rows]

    def active(self, version: int) -> ActiveCourses:
        """Return the active courses as they are now, which is `version` or newer."""
        courses = self.courses()
        return ActiveCourses(
            version,
            courses,
            by_id={course.course_id: course for course in courses},
            by_slug={course.slug: course for course in courses},
            semesters=Counter(course.semester for course in courses),
        )

    def version(self) -> int:
        """Return the number that grows with each change of anything that the catalogue says."""
        return int(self.db.value(_VERSION()) or 0)

    def is_whole(self) -> bool:
        """Return whether the courses are those of the line's head."""
        return bool(self.db.value(COURSE_INDEX.select(COURSE_INDEX.is_whole)))

    @transaction
    def index(self, datasets: Mapping[str, CheckedDataset], at: datetime) -> None:
        """Make the catalogue anew from all datasets of the line's head."""
        known = {row["slug"] for row in self.db.rows(COURSE.select(COURSE.slug))}
        for dataset in sorted(known | datasets.keys()):
            follow_course(self.db, dataset, datasets.get(dataset), at)
        whole = COURSE_INDEX.insert({"id": 1, "is_whole": 1, "version": 1})
        whole = whole.on_conflict(conflict_target=("id",), preserve=("is_whole",))
        self.db.put(whole)
        self.db.bump()


@dataclass(frozen=True, slots=True)
class ActiveCourses:
    """The active courses at one version; `semesters` is semester -> how many it has."""

    version: int
    courses: Sequence[Course]
    by_id: Mapping[int, Course]
    by_slug: Mapping[str, Course]
    semesters: Mapping[int, int]


def mark_incomplete(db: Database) -> None:
    """Note that the line moved in a way that the courses did not follow."""
    db.change(COURSE_INDEX.update({"is_whole": 0}))


def mark_changed(db: Database) -> None:
    """Note that the catalogue says something else now; in the transaction that lets it.

    Versions are milliseconds since 1970, or the next number: so a database that was restored or
    made anew never gives one again that stood for something else. Who keeps answers is woken.
    """
    now = int(utc_now().timestamp() * 1000)
    first = COURSE_INDEX.insert({"id": 1, "is_whole": 0, "version": now})
    following = COURSE_INDEX.version + 1
    grown = {COURSE_INDEX.version: Case(None, [(following > now, following)], now)}
    db.put(first.on_conflict(conflict_target=("id",), update=grown))
    db.bump()


def follow_course(db: Database, dataset: str, checked: CheckedDataset | None, at: datetime) -> None:
    """Let the course of one dataset be what a commit says of it; None: the dataset is removed."""
    if not has_course_change(dataset, checked):
        return
    mark_changed(db)
    spec = checked.course if checked is not None else None
    if spec is None:
        condition = (COURSE.slug == dataset) & (COURSE.is_active == 1)
        known = db.value(COURSE.select(COURSE.id).where(condition))
        if known is not None:
            query = COURSE.update({"is_active": 0, "indexed_at": iso(at)})
            db.change(query.where(COURSE.id == known))
            follow_entries(db, int(known))
        return
    course_id = _keep_course(db, dataset, spec, at)
    db.change(COURSE_TEACHER.delete().where(COURSE_TEACHER.course_id == course_id))
    teachers = [
        {"course_id": course_id, "place": place, "teacher": storable_text(name)}
        for place, name in enumerate(spec.teachers)
    ]
    db.add_many(COURSE_TEACHER, teachers)
    _keep_materials(db, course_id, spec)
    follow_entries(db, course_id)


def _keep_course(db: Database, slug: str, spec: CourseSpec, at: datetime) -> int:
    counted = Counter(material.kind for material in spec.materials)
    row = {
        "semester": spec.semester,
        "name_ru": storable_text(spec.name["ru"]),
        "name_en": storable_text(spec.name["en"]),
        "description_ru": storable_text(spec.description["ru"]),
        "description_en": storable_text(spec.description["en"]),
        "is_active": int(spec.active),
        "indexed_at": iso(at),
        **{kind: counted[kind] for kind in KINDS},
    }
    known = db.value(COURSE.select(COURSE.id).where(COURSE.slug == slug))
    if known is None:
        return db.add(COURSE, {"slug": slug, **row})
    db.change(COURSE.update(row).where(COURSE.id == known))
    return int(known)


def _keep_materials(db: Database, course_id: int, spec: CourseSpec) -> None:
    # Those without a place too: what a revert brings back is what it was.
    rows = db.sql(_MATERIAL + "course_id = ? ORDER BY place IS NULL, place, id", course_id)
    ids = match_materials([_material(row) for row in rows], spec.materials)
    db.change(
        MATERIAL.update({"place": None}).where((MATERIAL.course_id == course_id) & _IS_LISTED)
    )
    for place, (material_id, material) in enumerate(zip(ids, spec.materials, strict=True)):
        row = {
            "course_id": course_id,
            "place": place,
            "lesson": material.lesson,
            "kind": material.kind,
            "title_ru": storable_text(material.title["ru"]),
            "title_en": storable_text(material.title["en"]),
            "text_path": storable_text(material.text),
            "file_url": storable_text(material.file_url),
        }
        if material_id is None:
            db.add(MATERIAL, row)
        else:
            db.change(MATERIAL.update(row).where(MATERIAL.id == material_id))


# A row that was read before is the same course: values are never changed.
@lru_cache(4096)
def _course(row: _Row, teachers: tuple[str, ...]) -> Course:
    course_id, slug, semester, name_ru, name_en, about_ru, about_en, is_active, *counts = row
    return Course(
        course_id,
        slug,
        semester,
        {"ru": name_ru, "en": name_en},
        {"ru": about_ru, "en": about_en},
        bool(is_active),
        teachers,
        sum(counts),
        dict(zip(KINDS, counts, strict=True)),
    )


def _material(row: _Row) -> Material:
    _, material_id, lesson, kind, russian, english, text, file_url = row
    return Material(material_id, lesson, kind, {"ru": russian, "en": english}, text, file_url)
