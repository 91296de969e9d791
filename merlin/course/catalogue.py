"""The catalogue: courses and materials of the followed branch, as database rows.

A course is a dataset with a course.yaml. `follow_course` updates its rows in the transaction that
records a commit; `index` rebuilds them from all datasets after history was rewritten. Ids survive
edits; what was removed from git stays as inactive rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, get_args

from merlin.core.i18n import LANGUAGES, choose_translation
from merlin.core.names import is_valid_name
from merlin.core.vocabulary import fold, index_words
from merlin.dataset.check import CheckedDataset
from merlin.dataset.files import mark_catalogue_changed
from merlin.dataset.finding import Severity
from merlin.dataset.layout import COURSE_FILE
from merlin.dataset.spec import CourseSpec, Localised, MaterialKind, MaterialSpec
from merlin.db.database import (
    CHUNK,
    Columns,
    Database,
    Repository,
    in_portions,
    transaction,
)
from merlin.db.search_index import Kind, Scope, SearchIndex
from merlin.db.tables import (
    CATALOGUE_VERSION,
    CATALOGUE_WHOLE,
    CHANGE_COUNTER,
    COURSE,
    DATASET_FILE,
    DATASET_TEXT,
    MATERIAL,
)
from merlin.db.values import dump_json, load_json, storable_text

KINDS: tuple[str, ...] = get_args(MaterialKind)


@dataclass(frozen=True, slots=True)
class Course:
    """A course; `slug` is its name in URLs and the name of its dataset.

    `course_id` is stable for the lifetime of the database. `semester` counts from 1; `teachers` are
    account names; `materials` is the number of materials, `counts` their number by kind. A course
    that was removed from git is not active.
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
        """Return the dataset whose model answers questions about this course."""
        return self.slug

    def title(self, language: str) -> str:
        """Return the name in `language`, else in another language, else the slug."""
        return choose_translation(self.name, language) or self.slug

    def about(self, language: str) -> str:
        """Return the description in `language`, else in another language, else ""."""
        return choose_translation(self.description, language)


@dataclass(frozen=True, slots=True)
class Material:
    """A material of a course; `kind` is lecture, seminar or lab.

    `text` is the path of its Markdown file within the dataset's folder, `file_url` a link; at least
    one of them is set, the other is "".
    """

    material_id: int
    lesson: int
    kind: str
    name: Localised
    text: str = ""
    file_url: str = ""

    @property
    def has_text(self) -> bool:
        """Return whether the material has a text of its own."""
        return bool(self.text)

    def title(self, language: str) -> str:
        """Return the title in `language`, else in another language."""
        return choose_translation(self.name, language)


def has_course_change(dataset: str, checked: CheckedDataset | None) -> bool:
    """Return whether a commit defines or removes the course of a dataset.

    `checked` is None for a dataset that the commit removed. A broken course.yaml and a folder whose
    name is not a valid slug change nothing: the known course stays.
    """
    if checked is None:
        return True
    is_broken = any(
        finding.path == COURSE_FILE and finding.severity is Severity.ERROR
        for finding in checked.findings
    )
    return is_valid_name(dataset) and not is_broken


# Keys by which a material is recognised after an edit, most specific first.
_MATCH_KEYS: tuple[Callable[[Material | MaterialSpec], object], ...] = (
    lambda material: (
        material.lesson,
        material.kind,
        material.text or material.file_url,
    ),
    lambda material: material.text or material.file_url,
    lambda material: (material.lesson, material.kind, _title(material)),
)


def match_materials(
    materials: Sequence[Material], material_specs: Sequence[MaterialSpec]
) -> list[int | None]:
    """Return, for each material of a course.yaml, the id of the matching known one, or None.

    So an id survives a change of title, lesson, kind, file or position; no id is used twice.
    """
    ids: list[int | None] = [None] * len(material_specs)
    for match_key in _MATCH_KEYS:
        matched = set(ids)
        unmatched: dict[object, list[int]] = {}
        for material in materials:
            if material.material_id not in matched:
                unmatched.setdefault(match_key(material), []).append(
                    material.material_id
                )
        for place, spec in enumerate(material_specs):
            if ids[place] is None and unmatched.get(match_key(spec)):
                ids[place] = unmatched[match_key(spec)].pop(0)
    return ids


def _title(material: Material | MaterialSpec) -> object:
    titles = material.name if isinstance(material, Material) else material.title
    return tuple(titles.get(language, "") for language in LANGUAGES)


_IS_LISTED = MATERIAL.place.is_null(is_null=False)
_COURSE = (
    "SELECT id, slug, semester, name_ru, name_en, description_ru, description_en, is_active,"
    " teachers, lecture, seminar, lab FROM course WHERE "
)
_MATERIAL = (
    "SELECT course_id, id, lesson, kind, title_ru, title_en, text_path, file_url FROM material"
    " WHERE "
)
_OF_SLUG = "place IS NOT NULL AND course_id = (SELECT id FROM course WHERE slug = ?)"
_Row = tuple[Any, ...]
# Read for every response that is not cached: peewee takes 0.2 ms to build it.
_VERSION = "SELECT counter FROM change_counter WHERE id = :id"


class Catalogue(Repository):
    """The catalogue as of the newest recorded commit.

    Its SELECTs of whole courses are plain SQL: peewee takes longer to compose one than a database
    to answer it.
    """

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        # The same order on every machine, and that of the index `course_order`.
        self._slug = "slug" if db.dialect == "sqlite" else 'slug COLLATE "C"'

    def courses(self, *, active_only: bool = True) -> list[Course]:
        """Return the courses by semester, then slug."""
        return self._courses("is_active = 1" if active_only else "1 = 1")

    def find_course(self, slug: str) -> Course | None:
        """Return a course by slug, active or not; None if unknown."""
        return next(iter(self._courses("slug = ?", slug)), None)

    def materials(self, slug: str) -> list[Material]:
        """Return a course's materials by kind, lesson and position in its file."""
        rows = self.db.sql(_MATERIAL + _OF_SLUG + " ORDER BY lesson, place", slug)
        return sorted(
            map(_material, rows), key=lambda material: KINDS.index(material.kind)
        )

    def find_materials(self, ids: Iterable[int]) -> dict[int, Material]:
        """Return those of these materials that are listed, by id."""
        found: dict[int, Material] = {}
        for portion in in_portions(ids, CHUNK):
            marks = ", ".join("?" * len(portion))
            query = f"{_MATERIAL}place IS NOT NULL AND id IN ({marks})"
            rows = map(_material, self.db.sql(query, *portion))
            found.update((each.material_id, each) for each in rows)
        return found

    def text(self, dataset: str, path: str) -> str | None:
        """Return a file's text in the newest commit, None if it is missing or not text."""
        query = DATASET_TEXT.select(DATASET_TEXT.text)
        query = query.join(DATASET_FILE, on=(DATASET_TEXT.blob == DATASET_FILE.blob))
        is_file = (DATASET_FILE.dataset == dataset) & (DATASET_FILE.path == path)
        text = self.db.value(query.where(is_file))
        return None if text is None else str(text)

    def _courses(self, where: str, *values: object) -> list[Course]:
        rows = self.db.sql(
            _COURSE + where + f" ORDER BY semester, {self._slug}", *values
        )
        return [_course(row) for row in rows]

    def read_active(self, version: int) -> ActiveCourses:
        """Return the current courses; they are of `version` or newer."""
        every = self.courses(active_only=False)
        courses = [course for course in every if course.is_active]
        return ActiveCourses(
            version,
            courses,
            every={course.course_id: course for course in every},
            by_id={course.course_id: course for course in courses},
            by_slug={course.slug: course for course in courses},
            semesters=Counter(course.semester for course in courses),
        )

    def version(self) -> int:
        """Return the version, which increases with each change of the catalogue."""
        return sum(row.counter for row in self.db.sql(_VERSION, id=CATALOGUE_VERSION))

    def is_whole(self) -> bool:
        """Return whether the courses are those of the branch's newest commit."""
        return self.db.has(
            CHANGE_COUNTER,
            (CHANGE_COUNTER.id == CATALOGUE_WHOLE) & (CHANGE_COUNTER.counter == 1),
        )

    @transaction
    def index(self, datasets: Mapping[str, CheckedDataset]) -> None:
        """Rebuild the catalogue from all datasets of the branch's newest commit."""
        stored = {row.slug for row in self.db.rows(COURSE.select(COURSE.slug))}
        for dataset in sorted(stored | datasets.keys()):
            follow_course(self.db, dataset, datasets.get(dataset))
        self.db.update(CHANGE_COUNTER, CHANGE_COUNTER.id == CATALOGUE_WHOLE, counter=1)
        self.db.announce_change()


@dataclass(frozen=True, slots=True)
class ActiveCourses:
    """The active courses at one version; `semesters` is the number of courses by semester.

    `every` are inactive ones too, by id.
    """

    version: int
    courses: Sequence[Course]
    every: Mapping[int, Course]
    by_id: Mapping[int, Course]
    by_slug: Mapping[str, Course]
    semesters: Mapping[int, int]

    def find(self, slug: str) -> Course | None:
        """Return a course by slug, active or not; None if unknown."""
        return next(
            (course for course in self.every.values() if course.slug == slug), None
        )

    def title(self, dataset: str, language: str) -> str:
        """Return the title of a dataset's course, the dataset's name if it has no active one."""
        course = self.by_slug.get(dataset)
        return course.title(language) if course else dataset


def mark_incomplete(db: Database) -> None:
    """Mark that the branch moved without updating the courses."""
    db.update(CHANGE_COUNTER, CHANGE_COUNTER.id == CATALOGUE_WHOLE, counter=0)


def follow_course(db: Database, dataset: str, checked: CheckedDataset | None) -> None:
    """Update the course of a dataset from a commit; `checked` None: the dataset was removed."""
    if not has_course_change(dataset, checked):
        return
    mark_catalogue_changed(db)
    spec = checked.course if checked is not None else None
    if spec is None:
        condition = (COURSE.slug == dataset) & (COURSE.is_active == 1)
        course_id = db.value(COURSE.select(COURSE.id).where(condition))
        if course_id is not None:
            db.update(COURSE, COURSE.id == course_id, is_active=0)
    else:
        _write_materials(db, _write_course(db, dataset, spec), spec)
    _index_course(db, dataset)


def _index_course(db: Database, slug: str) -> None:
    """Put an active course and its materials into the search index, and take any other out."""
    catalogue = Catalogue(db)
    course = catalogue.find_course(slug)
    entries = list[Columns]()
    if course is not None and course.is_active:
        about = course.description
        entries.append(_make_entry(Kind.COURSE, slug, "", 0, course.name, about))
        entries += [
            _make_entry(
                Kind.MATERIAL,
                slug,
                each.text or each.file_url,
                each.material_id,
                each.name,
                {},
            )
            for each in catalogue.materials(slug)
        ]
    scope = Scope((Kind.COURSE, Kind.MATERIAL), slug)
    SearchIndex(db).replace(scope, None, entries)


def _make_entry(
    kind: Kind, slug: str, path: str, place: int, name: Localised, about: Localised
) -> Columns:
    lines = [*name.values(), *about.values()]
    return {
        "kind": kind,
        "dataset": slug,
        "path": path,
        "place": place,
        "title": index_words(" ".join(name.values())),
        "text": "\n".join(dict.fromkeys(filter(None, map(fold, lines)))),
        "words": index_words(" ".join(lines)),
    }


def _write_course(db: Database, slug: str, spec: CourseSpec) -> int:
    counts = Counter[str](material.kind for material in spec.materials)
    row = {
        "semester": spec.semester,
        "name_ru": storable_text(spec.name["ru"]),
        "name_en": storable_text(spec.name["en"]),
        "description_ru": storable_text(spec.description["ru"]),
        "description_en": storable_text(spec.description["en"]),
        "is_active": int(spec.active),
        "teachers": dump_json(spec.teachers),
        **{kind: counts[kind] for kind in KINDS},
    }
    course_id = db.value(COURSE.select(COURSE.id).where(COURSE.slug == slug))
    if course_id is None:
        return db.add(COURSE, {"slug": slug, **row})
    db.update(COURSE, COURSE.id == course_id, **row)
    return int(course_id)


def _write_materials(db: Database, course_id: int, spec: CourseSpec) -> None:
    # Unlisted ones too, so that a revert restores the same ids.
    rows = db.sql(
        _MATERIAL + "course_id = ? ORDER BY place IS NULL, place, id", course_id
    )
    ids = match_materials([_material(row) for row in rows], spec.materials)
    db.update(MATERIAL, (MATERIAL.course_id == course_id) & _IS_LISTED, place=None)
    for place, (material_id, material) in enumerate(
        zip(ids, spec.materials, strict=True)
    ):
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
            db.update(MATERIAL, MATERIAL.id == material_id, **row)


# Cached by row; the values are never mutated.
@lru_cache(4096)
def _course(row: _Row) -> Course:
    (
        course_id,
        slug,
        semester,
        name_ru,
        name_en,
        about_ru,
        about_en,
        is_active,
        *more,
    ) = row
    teachers, *counts = more
    return Course(
        course_id,
        slug,
        semester,
        {"ru": name_ru, "en": name_en},
        {"ru": about_ru, "en": about_en},
        bool(is_active),
        tuple(load_json(teachers)),
        sum(counts),
        dict(zip(KINDS, counts, strict=True)),
    )


def _material(row: _Row) -> Material:
    _, material_id, lesson, kind, title_ru, title_en, text, file_url = row
    return Material(
        material_id, lesson, kind, {"ru": title_ru, "en": title_en}, text, file_url
    )
