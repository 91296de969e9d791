"""Courses: the catalogue, one course with its materials, search, favourites.

Anybody may read active courses; only their editors see inactive ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from merlin.account.users import Users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.permissions import find_teachers, is_led
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.core.errors import NotFound, Refused
from merlin.course.catalogue import Catalogue, Course, Material
from merlin.course.search import EVERYTHING, SearchResult, search as search_index
from merlin.dataset.files import FileIndex
from merlin.db.database import transaction
from merlin.db.search_index import SearchIndex
from merlin.db.tables import FAVOURITE
from merlin.training.jobs import Jobs

# More would be useless to a person, and let a program fill the database.
MAX_FAVOURITES = 500


@dataclass(frozen=True, slots=True)
class CourseDetails:
    """A course with its materials.

    `teachers` are display names; `can_edit`: the actor may edit the course, whose folder exists.
    """

    course: Course
    materials: Sequence[Material]
    teachers: Sequence[str]
    can_edit: bool


@dataclass(frozen=True, slots=True)
class MaterialDetails:
    """One material of a course; `text` is None if it has none, `materials` are all of them."""

    course: Course
    material: Material
    text: str | None
    materials: Sequence[Material]


@dataclass(frozen=True, slots=True)
class FoundCourse:
    """A course that a search found; `found_in` are its materials with the words."""

    course: Course
    found_in: Sequence[Material] = ()


def list_chat_states(ctx: Context) -> dict[str, str]:
    """Return dataset -> "ask" if a model serves it, else "training" if one is being trained."""
    training = {job.dataset: "training" for job in Jobs(ctx.db).open_jobs()}
    return training | {
        model.dataset: "ask" for model in ModelCatalogue(ctx.db).all_serving()
    }


def get(ctx: Context, actor: Actor, course_id: int) -> Course:
    """Return a course; an inactive one only to its editors. Raises NotFound."""
    course = ctx.read_courses().every.get(course_id)
    if course and (course.is_active or is_led(ctx, actor, course)):
        return course
    raise NotFound(f"no course {course_id}", "course-unknown")


def is_closed(ctx: Context, actor: Actor, dataset: str) -> bool:
    """Return whether a dataset belongs to an inactive course that the actor does not lead."""
    course = ctx.read_courses().find(dataset)
    return (
        course is not None and not course.is_active and not is_led(ctx, actor, course)
    )


def list_open_datasets(ctx: Context, actor: Actor) -> dict[str, datetime | None]:
    """Return the datasets that the actor may choose, and since when each has a live model.

    Those with one, except of inactive courses that others lead, and every active course; None: a
    general model answers.
    """
    serving = ModelCatalogue(ctx.db).all_serving()
    since = {
        each.dataset: each.since
        for each in serving
        if not is_closed(ctx, actor, each.dataset)
    }
    return since | {slug: since.get(slug) for slug in ctx.read_courses().by_slug}


def list_materials(
    ctx: Context, actor: Actor, course_id: int
) -> tuple[Course, list[Material]]:
    """Return a course and its materials by kind, lesson and order of the file. Raises NotFound."""
    course = get(ctx, actor, course_id)
    return course, Catalogue(ctx.db).materials(course.slug)


def read_details(ctx: Context, actor: Actor, course_id: int) -> CourseDetails:
    """Return a course with its materials. Raises NotFound."""
    course, all_materials = list_materials(ctx, actor, course_id)
    teachers = _list_teachers(ctx, actor, course.teachers)
    can_edit = FileIndex(ctx.db).is_known(course.slug) and is_led(ctx, actor, course)
    return CourseDetails(course, all_materials, teachers, can_edit)


def _list_teachers(ctx: Context, actor: Actor, names: Sequence[str]) -> list[str]:
    """Return the display names of teachers by account name; the account name if unknown.

    A guest sees only unknown ones: names from Telegram are shown only to signed-in users.
    """
    ids = find_teachers(ctx, names)
    if not actor.user_id:
        return [name for name in names if name not in ids]
    shown = Users(ctx.db).list_names(ids.values())
    return [shown.get(ids.get(name, 0), ("", ""))[0] or name for name in names]


def read_material(
    ctx: Context, actor: Actor, course_id: int, material_id: int
) -> MaterialDetails:
    """Return one material of a course, with its text. Raises NotFound."""
    course, all_materials = list_materials(ctx, actor, course_id)
    match = next(
        (item for item in all_materials if item.material_id == material_id), None
    )
    if match is None:
        raise NotFound(f"no material {material_id}", "material-unknown")
    text = Catalogue(ctx.db).text(course.dataset, match.text) if match.text else None
    return MaterialDetails(course, match, text, all_materials)


def search(
    ctx: Context, query: str, limit: int
) -> tuple[list[FoundCourse], SearchResult]:
    """Return the active courses that match a query, best first, and the search result.

    An empty query matches every course.
    """
    active_courses = ctx.read_courses()
    if not query.strip():
        return [
            FoundCourse(each) for each in active_courses.courses[:limit]
        ], SearchResult()
    index = SearchIndex(ctx.db)
    result = search_index(
        index,
        query,
        limit,
        read_words=lambda: ctx.vocabulary.read(
            ("", active_courses.version), lambda: index.read_vocabulary(EVERYTHING)
        ),
    )
    named = Catalogue(ctx.db).find_materials(chain(*result.hits.values()))
    by_slug = active_courses.by_slug
    found = [
        FoundCourse(by_slug[slug], [named[each] for each in ids if each in named])
        for slug, ids in result.hits.items()
        if slug in by_slug
    ]
    return found, result


def list_favourites(ctx: Context, actor: Actor) -> list[Course]:
    """Return the actor's favourite courses that are active, in the order of adding."""
    if not actor.user_id:
        return []
    condition = FAVOURITE.user_id == actor.user_id
    rows = ctx.db.rows(
        FAVOURITE.select(FAVOURITE.course_id).where(condition).order_by(FAVOURITE.id)
    )
    courses = ctx.read_courses().by_id
    return [courses[row.course_id] for row in rows if row.course_id in courses]


@transaction
def add_favourite(ctx: Context, actor: Actor, course_id: int) -> tuple[bool, Course]:
    """Add a favourite; return whether it was new, and the course.

    Raises NotFound for a missing or inactive course, Refused beyond `MAX_FAVOURITES`.
    """
    course = ctx.read_courses().by_id.get(course_id)
    if course is None:
        raise NotFound(f"no course {course_id}", "course-unknown")
    condition = FAVOURITE.user_id == actor.user_id
    if ctx.db.has(FAVOURITE, condition & (FAVOURITE.course_id == course_id)):
        return False, course
    if ctx.db.count(FAVOURITE, condition) >= MAX_FAVOURITES:
        text = f"{MAX_FAVOURITES} favourites"
        raise Refused(text, "course-too-many-favourites", limit=MAX_FAVOURITES)
    row = {"user_id": actor.user_id, "course_id": course_id}
    return ctx.db.add_new(FAVOURITE, row), course


def remove_favourite(ctx: Context, actor: Actor, course_id: int) -> bool:
    """Remove a favourite; return False if it was none."""
    condition = (FAVOURITE.user_id == actor.user_id) & (
        FAVOURITE.course_id == course_id
    )
    return ctx.db.delete(FAVOURITE, condition) > 0
