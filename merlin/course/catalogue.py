"""Courses and their materials: read from git, stored as rows.

Catalogue: the courses as the followed branch describes them, and their materials.

A course is a dataset with a course.yaml. The rows are made anew from each commit; this module
says what they hold and which of them is which, and knows neither git nor a database.

They follow the branch: `follow_course` runs in the transaction that records a commit, and `index`
makes them anew from all datasets where the line was rewritten. Ids stay through edits; what git
has no longer is kept, not shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from peewee import Case

from merlin.core.clock import iso, utc_now
from merlin.core.errors import NotFound
from merlin.core.i18n import LANGUAGES
from merlin.course.search import follow_entries
from merlin.dataset.check import CheckedDataset
from merlin.dataset.finding import Severity
from merlin.dataset.layout import COURSE_FILE, is_valid_name
from merlin.dataset.spec import CourseSpec, Localised, MaterialSpec
from merlin.db.database import Database, Prepared, Row, transaction
from merlin.db.tables import COURSE, COURSE_INDEX, COURSE_TEACHER, MATERIAL
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
        each.path == COURSE_FILE and each.severity is Severity.ERROR for each in checked.findings
    )
    return is_valid_name(dataset) and not broken


# By what a material is known again after an edit: the first that fits counts.
_SIGNS: tuple[Callable[[Material | MaterialSpec], object], ...] = (
    lambda each: (each.lesson, each.kind, each.text or each.file_url),
    lambda each: each.text or each.file_url,
    lambda each: (each.lesson, each.kind, _title(each)),
)


def match_materials(known: Sequence[Material], told: Sequence[MaterialSpec]) -> list[int | None]:
    """Return, for each material of a course.yaml, the id of the known one that it is, or None.

    So an id outlives another title, lesson, type, file or place; no id is given twice.
    """
    ids: list[int | None] = [None] * len(told)
    for sign in _SIGNS:
        given = set(ids)
        left: dict[object, list[int]] = {}
        for each in known:
            if each.material_id not in given:
                left.setdefault(sign(each), []).append(each.material_id)
        for place, spec in enumerate(told):
            if ids[place] is None and left.get(sign(spec)):
                ids[place] = left[sign(spec)].pop(0)
    return ids


def _title(material: Material | MaterialSpec) -> object:
    titles = material.name if isinstance(material, Material) else material.title
    return tuple(titles.get(language, "") for language in LANGUAGES)


_IS_LISTED = MATERIAL.place.is_null(False)  # noqa: FBT003 - peewee's own signature
# Read with each answer that is not kept.
_VERSION = Prepared(COURSE_INDEX.select(COURSE_INDEX.version).limit(1))


class Catalogue:
    """The catalogue as the newest recorded commit left it."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def courses(self, *, active_only: bool = True) -> list[Course]:
        """Return the courses by semester, then slug."""
        query = COURSE.select().where(COURSE.is_active == 1) if active_only else COURSE.select()
        with self.db.snapshot():
            rows, teachers = self.db.rows(query), self._teachers()
        found = [_course(row, teachers) for row in rows]
        # Sorted here: a database on another machine may put letters in another order.
        return sorted(found, key=lambda course: (course.semester, course.slug))

    def course(self, slug: str) -> Course:
        """Return one course, active or not. Raises NotFound."""
        with self.db.snapshot():
            row = self._row(slug)
            return _course(row, self._teachers(row["id"]))

    def materials(self, slug: str) -> list[Material]:
        """Return a course's materials by kind, lesson and place in its file. Raises NotFound."""
        with self.db.snapshot():
            mine = MATERIAL.course_id == self._row(slug)["id"]
            rows = self.db.rows(MATERIAL.select().where(mine & _IS_LISTED))
        rows.sort(key=lambda row: (KINDS.index(row["kind"]), row["lesson"], row["place"]))
        return [_material(row) for row in rows]

    def _row(self, slug: str) -> Row:
        row = self.db.row(COURSE.select().where(COURSE.slug == slug))
        if row is None:
            raise NotFound(f"no course {slug}", "course-none", course=slug)
        return row

    def _teachers(self, course_id: int | None = None) -> dict[int, tuple[str, ...]]:
        query = COURSE_TEACHER.select().order_by(COURSE_TEACHER.place)
        if course_id is not None:
            query = query.where(COURSE_TEACHER.course_id == course_id)
        told: dict[int, tuple[str, ...]] = {}
        for row in self.db.rows(query):
            told[row["course_id"]] = (*told.get(row["course_id"], ()), row["teacher"])
        return told

    def numbered(self, course_id: int) -> Course:
        """Return one course by its number, active or not. Raises NotFound."""
        with self.db.snapshot():
            slug = self.db.value(COURSE.select(COURSE.slug).where(COURSE.id == course_id))
            if slug is None:
                raise NotFound(f"no course {course_id}", "course-unknown")
            return self.course(slug)

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
        _let_go(db, dataset, at)
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


def _let_go(db: Database, slug: str, at: datetime) -> None:
    here = (COURSE.slug == slug) & (COURSE.is_active == 1)
    course_id = db.value(COURSE.select(COURSE.id).where(here))
    if course_id is not None:
        gone = COURSE.update({"is_active": 0, "indexed_at": iso(at)})
        db.change(gone.where(COURSE.id == course_id))
        follow_entries(db, int(course_id))


def _keep_course(db: Database, slug: str, spec: CourseSpec, at: datetime) -> int:
    row = {
        "semester": spec.semester,
        "name_ru": storable_text(spec.name["ru"]),
        "name_en": storable_text(spec.name["en"]),
        "description_ru": storable_text(spec.description["ru"]),
        "description_en": storable_text(spec.description["en"]),
        "is_active": int(spec.active),
        "indexed_at": iso(at),
        **_counts(spec),
    }
    known = db.value(COURSE.select(COURSE.id).where(COURSE.slug == slug))
    if known is None:
        return db.add(COURSE, {"slug": slug, **row})
    db.change(COURSE.update(row).where(COURSE.id == known))
    return int(known)


def _counts(spec: CourseSpec) -> dict[str, int]:
    counted = Counter(each.kind for each in spec.materials)
    return {kind: counted[kind] for kind in KINDS}


def _keep_materials(db: Database, course_id: int, spec: CourseSpec) -> None:
    mine = MATERIAL.course_id == course_id
    # Those without a place too: what a revert brings back is what it was.
    rows = db.rows(MATERIAL.select().where(mine).order_by(MATERIAL.id))
    rows.sort(key=lambda row: (row["place"] is None, row["place"] or 0))
    ids = match_materials([_material(row) for row in rows], spec.materials)
    db.change(MATERIAL.update({"place": None}).where(mine & _IS_LISTED))
    for place, (material_id, told) in enumerate(zip(ids, spec.materials, strict=True)):
        row = {"course_id": course_id, "place": place, **_material_row(told)}
        if material_id is None:
            db.add(MATERIAL, row)
        else:
            db.change(MATERIAL.update(row).where(MATERIAL.id == material_id))


def _material_row(told: MaterialSpec) -> Row:
    return {
        "lesson": told.lesson,
        "kind": told.kind,
        "title_ru": storable_text(told.title["ru"]),
        "title_en": storable_text(told.title["en"]),
        "text_path": storable_text(told.text),
        "file_url": storable_text(told.file_url),
    }


def _course(row: Row, teachers: Mapping[int, tuple[str, ...]]) -> Course:
    return Course(
        course_id=row["id"],
        slug=row["slug"],
        semester=row["semester"],
        name={"ru": row["name_ru"], "en": row["name_en"]},
        description={"ru": row["description_ru"], "en": row["description_en"]},
        is_active=bool(row["is_active"]),
        teachers=teachers.get(row["id"], ()),
        materials=sum(row[kind] for kind in KINDS),
        counts={kind: row[kind] for kind in KINDS},
    )


def _material(row: Row) -> Material:
    return Material(
        material_id=row["id"],
        lesson=row["lesson"],
        kind=row["kind"],
        name={"ru": row["title_ru"], "en": row["title_en"]},
        text=row["text_path"],
        file_url=row["file_url"],
    )
