"""Rows of courses; fulfils `course.catalogue.Catalogue` and `build.gather.CourseIndex`.

They follow the branch: `follow_course` runs in the transaction that records a commit, and
`index` makes them anew from all datasets where the line was rewritten. Ids stay through edits;
what git has no longer is kept, not shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from peewee import Case

from merlin.core.clock import iso, utc_now
from merlin.core.errors import NotFound
from merlin.course.catalogue import KINDS, Course, Material, is_told, recognised
from merlin.dataset.check import Checked
from merlin.dataset.spec import CourseSpec, MaterialSpec
from merlin.store.course_tables import COURSE, COURSE_INDEX, COURSE_TEACHER, MATERIAL
from merlin.store.database import Database, Row, transaction
from merlin.store.prepared import Prepared
from merlin.store.search_entries import follow_entries
from merlin.store.values import plain

_IS_LISTED = MATERIAL.place.is_null(False)  # noqa: FBT003 - peewee's own signature
# Read with each answer that is not kept.
_VERSION = Prepared(COURSE_INDEX.select(COURSE_INDEX.version).limit(1))


class CourseRows:
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
    def index(self, datasets: Mapping[str, Checked], at: datetime) -> None:
        """Make the catalogue anew from all datasets of the line's head."""
        known = {row["slug"] for row in self.db.rows(COURSE.select(COURSE.slug))}
        for dataset in sorted(known | datasets.keys()):
            follow_course(self.db, dataset, datasets.get(dataset), at)
        whole = COURSE_INDEX.insert({"id": 1, "is_whole": 1, "version": 1})
        whole = whole.on_conflict(conflict_target=("id",), preserve=("is_whole",))
        self.db.put(whole)
        self.db.bump()


def not_whole(db: Database) -> None:
    """Note that the line moved in a way that the courses did not follow."""
    db.change(COURSE_INDEX.update({"is_whole": 0}))


def changed(db: Database) -> None:
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


def follow_course(db: Database, dataset: str, checked: Checked | None, at: datetime) -> None:
    """Let the course of one dataset be what a commit says of it; None: the dataset is removed."""
    if not is_told(dataset, checked):
        return
    changed(db)
    spec = checked.course if checked is not None else None
    if spec is None:
        _let_go(db, dataset, at)
        return
    course_id = _keep_course(db, dataset, spec, at)
    db.change(COURSE_TEACHER.delete().where(COURSE_TEACHER.course_id == course_id))
    teachers = [
        {"course_id": course_id, "place": place, "teacher": plain(name)}
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
        "name_ru": plain(spec.name["ru"]),
        "name_en": plain(spec.name["en"]),
        "description_ru": plain(spec.description["ru"]),
        "description_en": plain(spec.description["en"]),
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
    ids = recognised([_material(row) for row in rows], spec.materials)
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
        "title_ru": plain(told.title["ru"]),
        "title_en": plain(told.title["en"]),
        "text_path": plain(told.text),
        "file_url": plain(told.file_url),
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
