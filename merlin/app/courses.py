"""Courses: the catalogue, one course with its materials, search, favourites.

Anybody may read what is active; a course that is not active is there for those who edit it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from merlin.account.accounts import Accounts
from merlin.account.users import Users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.permissions import is_led
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.core.clock import iso
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Permission
from merlin.core.vocabulary import Vocabulary
from merlin.course.catalogue import (
    ActiveCourses,
    Catalogue,
    Course,
    Material,
)
from merlin.course.search import Found, Kind, SearchIndex
from merlin.course.search import search as search_index
from merlin.db.tables import FAVOURITE
from merlin.training.jobs import Jobs

# Nobody reads a longer list of favourites, and a program must not fill the database.
MAX_FAVOURITES = 500
# Where a part begins: the semester and slug of the last course before it.
Place = tuple[int, str]
START: Place = (0, "")


@dataclass(frozen=True, slots=True)
class CourseDetails:
    """A course with its materials; `lengths` is the path of a text -> its characters.

    `teachers` are what its teachers are called; `is_led`: the actor may change it.
    """

    course: Course
    materials: Sequence[Material]
    lengths: Mapping[str, int]
    teachers: Sequence[str]
    is_led: bool


@dataclass(frozen=True, slots=True)
class MaterialDetails:
    """One material of a course; `text` is None where it has none, `materials` are all of them."""

    course: Course
    material: Material
    text: str | None
    materials: Sequence[Material]


def active(ctx: Context) -> ActiveCourses:
    """Return the active courses by semester, then slug; read once for each version."""
    rows = Catalogue(ctx.db)
    # First of all: what changes meanwhile has a higher number, and is read the next time.
    version = rows.version()
    return ctx.courses.read(version, partial(rows.active, version))


def chat_states(ctx: Context) -> dict[str, str]:
    """Return what may be asked about: dataset -> "ask" where a model serves, else "training"."""
    training = {job.dataset: "training" for job in Jobs(ctx.db).open_jobs()}
    return training | {each.dataset: "ask" for each in ModelCatalogue(ctx.db).all_serving()}


def titles(ctx: Context, language: str) -> dict[str, str]:
    """Return dataset -> title of the active courses."""
    return {course.dataset: course.title(language) for course in active(ctx).courses}


def part(
    ctx: Context, limit: int | None, after: Place, semester: int | None, usual: int, most: int
) -> tuple[list[Course], bool]:
    """Return so many active courses after a place, and whether more follow.

    Without a limit all of them up to `most`; of more, the `usual` first ones.
    """
    every = active(ctx).courses
    if limit is None:
        limit = most if len(every) <= most else usual
    found = [
        each
        for each in every
        if (each.semester, each.slug) > after and semester in (None, each.semester)
    ]
    return found[:limit], len(found) > limit


def get(ctx: Context, actor: Actor, course_id: int) -> Course:
    """Return a course, one that is not active to those who edit it alone. Raises NotFound."""
    found = active(ctx).by_id.get(course_id) or Catalogue(ctx.db).numbered(course_id)
    if found and (found.is_active or actor.may(Permission.EDIT_MATERIALS, found.slug)):
        return found
    raise NotFound(f"no course {course_id}", "course-unknown")


def materials(ctx: Context, actor: Actor, course_id: int) -> tuple[Course, list[Material]]:
    """Return a course and its materials by kind, lesson and place in its file. Raises NotFound."""
    course = get(ctx, actor, course_id)
    return course, Catalogue(ctx.db).materials(course.slug)


def details(ctx: Context, actor: Actor, course_id: int) -> CourseDetails:
    """Return a course with its materials. Raises NotFound."""
    course, all_of_it = materials(ctx, actor, course_id)
    lengths = Catalogue(ctx.db).lengths(course.dataset)
    named = [_called(ctx, actor, teacher) for teacher in course.teachers]
    teachers = [each for each in named if each]
    return CourseDetails(course, all_of_it, lengths, teachers, is_led(ctx, actor, course))


def _called(ctx: Context, actor: Actor, name: str) -> str:
    """Return what somebody is called, by their account's name; that name where nobody knows.

    "" for a guest: what somebody is called in Telegram is told to those alone who signed in.
    """
    account = Accounts(ctx.db).named(name)
    if account and not actor.user_id:
        return ""
    user = Users(ctx.db).get(account.user_id) if account else None
    return (user.shown_name if user else "") or name


def material(ctx: Context, actor: Actor, course_id: int, material_id: int) -> MaterialDetails:
    """Return one material of a course, with its text. Raises NotFound."""
    course, all_of_it = materials(ctx, actor, course_id)
    this = next((each for each in all_of_it if each.material_id == material_id), None)
    if this is None:
        raise NotFound(f"no material {material_id}", "material-unknown")
    text = Catalogue(ctx.db).text(course.dataset, this.text) if this.text else None
    return MaterialDetails(course, this, text, all_of_it)


def search(ctx: Context, query: str, most: int) -> tuple[list[Course], Found]:
    """Return the active courses that hold the words, best first, and where they stand.

    Every course for no words.
    """
    known = active(ctx)
    if not query.strip():
        return list(known.courses[:most]), Found()
    found = _search(ctx, query, "course", most)
    return [known.by_id[each] for each, _ in found.hits if each in known.by_id], found


def search_materials(
    ctx: Context, query: str, most: int
) -> tuple[list[tuple[Course, Material]], Found]:
    """Return the materials that hold the words, each with its course, and where they stand."""
    found, known = _search(ctx, query, "material", most), active(ctx).by_id
    pairs = Catalogue(ctx.db).materials_numbered([material_id for _, material_id in found.hits])
    return [(known[of], each) for of, each in pairs if of in known], found


def teachers(ctx: Context) -> dict[str, list[Course]]:
    """Return who leads active courses, by account name, and which."""
    led: dict[str, list[Course]] = defaultdict(list)
    for course in active(ctx).courses:
        for name in course.teachers:
            led[name].append(course)
    return dict(sorted(led.items()))


def learn_vocabulary(ctx: Context) -> Vocabulary:
    """Return the words of the catalogue, which are read once for each version."""
    texts = SearchIndex(ctx.db).texts
    return ctx.vocabulary.read(Catalogue(ctx.db).version(), lambda: Vocabulary(texts()))


def _search(ctx: Context, query: str, kind: Kind, most: int) -> Found:
    return search_index(SearchIndex(ctx.db), partial(learn_vocabulary, ctx), query, kind, most)


def favourites(ctx: Context, actor: Actor) -> list[Course]:
    """Return the active courses that the actor keeps at hand, in the order of adding."""
    if not actor.user_id:
        return []
    condition = FAVOURITE.user_id == actor.user_id
    rows = ctx.db.rows(
        FAVOURITE.select(FAVOURITE.course_id).where(condition).order_by(FAVOURITE.id)
    )
    known = active(ctx).by_id
    return [known[row["course_id"]] for row in rows if row["course_id"] in known]


def add_favourite(ctx: Context, actor: Actor, course_id: int) -> tuple[bool, Course]:
    """Keep a course at hand; return whether it was not kept already, and the course.

    Raises NotFound for a course that is not there or not active, Refused beyond `MAX_FAVOURITES`.
    """
    found = active(ctx).by_id.get(course_id)
    if found is None:
        raise NotFound(f"no course {course_id}", "course-unknown")

    def add() -> bool:
        condition = FAVOURITE.user_id == actor.user_id
        query = FAVOURITE.select(FAVOURITE.id).where(condition & (FAVOURITE.course_id == course_id))
        if ctx.db.value(query) is not None:
            return False
        if ctx.db.count(FAVOURITE, condition) >= MAX_FAVOURITES:
            text = f"{MAX_FAVOURITES} favourites"
            raise Refused(text, "course-too-many-favourites", limit=MAX_FAVOURITES)
        row = {"user_id": actor.user_id, "course_id": course_id, "at": iso(ctx.clock())}
        return ctx.db.add_new(FAVOURITE, row)

    return ctx.db.joined(add), found


def remove_favourite(ctx: Context, actor: Actor, course_id: int) -> bool:
    """Let a course go; False where it was not kept."""
    condition = (FAVOURITE.user_id == actor.user_id) & (FAVOURITE.course_id == course_id)
    return ctx.db.change(FAVOURITE.delete().where(condition)) > 0
