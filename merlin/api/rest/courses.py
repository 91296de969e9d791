"""The catalogue, search and favourites.

    /api/courses, /api/semesters, /api/teachers   for anybody, without a key
    /api/courses/search, /api/search              courses alone; materials too
    /api/user/courses                             the favourites of whoever is signed in alone

Models describe the answers (OpenAPI); the answers themselves are plain values that become JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import groupby
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, SignedIn, missing_scope, require_access
from merlin.api.permissions import context_of, services_of
from merlin.api.problems import (
    FOR_ALL,
    NOT_MODIFIED,
    Problem,
    headers_of,
    language_of_request,
    problems,
)
from merlin.api.response_cache import (
    CatalogueAnswer,
    catalogue_answer,
    course_answer,
    is_known,
    not_modified,
    tag_of,
    tagged,
)
from merlin.api.schema import MOST, MOST_ID, USUAL, WHOLE, After, Limit, link_of, read_cursor
from merlin.api.schema import cursor as cursor_after
from merlin.app import courses
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.courses import FoundMaterials
from merlin.course.catalogue import KINDS, START, Course, Material, Place
from merlin.course.search import LONGEST, Found, highlight_spans


class Shape(BaseModel):
    """What every shape has in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Counts(Shape):
    """How many materials of each type."""

    lecture: int
    seminar: int
    lab: int


class CourseShown(Shape):
    """A course; `name` and `description` are in the language of the answer."""

    id: int
    slug: str = Field(description="its name in addresses, and its dataset's")
    name: str
    description: str
    semester: int
    teachers: list[str] = Field(description="account names")
    materials: int
    counts: Counts
    names: dict[str, str] | None = Field(None, description="with `languages=all`: by language")
    descriptions: dict[str, str] | None = Field(
        None, description="with `languages=all`: by language"
    )


class SemesterShown(Shape):
    """A semester with its courses."""

    number: int
    courses: list[CourseShown]


class Grouped(Shape):
    """Courses by semester."""

    semesters: list[SemesterShown]


class SemesterCount(Shape):
    """A semester, and how many courses it has."""

    number: int
    courses: int


class CourseNamed(Shape):
    """A course, named alone."""

    id: int
    slug: str
    name: str


class TeacherShown(Shape):
    """Somebody who leads courses."""

    name: str = Field(description="account name")
    courses: list[CourseNamed]


class MaterialShown(Shape):
    """A material of a course."""

    id: int
    lesson_number: int
    material_type: Literal["Лекция", "Семинар", "Лабораторная работа"]
    type_code: Literal["lecture", "seminar", "lab"]
    title: str
    file_url: str | None = Field(description="null where the material is a text alone")
    has_text: bool


class MaterialsShown(Shape):
    """The materials of a course, by type, then lesson."""

    course_id: int
    course_name: str
    materials: list[MaterialShown]


class MaterialWhole(MaterialShown):
    """A material with its text."""

    course_id: int
    course_name: str
    text: str | None = Field(description="Markdown; null where the material is a file alone")


class Mark(Shape):
    """Where something was found; both numbers count Unicode code points."""

    field: Literal["name", "description", "title"]
    start: int
    length: int


class CourseFound(CourseShown):
    """A course that was found."""

    found: list[Mark]


class MaterialFound(MaterialShown):
    """A material that was found."""

    course_id: int
    course_name: str
    found: list[Mark]


class Results(Shape):
    """What was found, best first."""

    query: str
    suggestion: str | None = Field(description="what was searched instead of a mistyped query")
    courses: list[CourseFound]
    materials: list[MaterialFound]


class Favourite(BaseModel):
    """The course to keep; who keeps it is known from the key or the cookie alone."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    course_id: Annotated[int, Field(ge=1, le=MOST_ID), WHOLE]


Json = dict[str, Any]
# Programs were promised these words, whatever language they speak.
TYPES: Mapping[str, str] = {
    "lecture": "Лекция",
    "seminar": "Семинар",
    "lab": "Лабораторная работа",
}
_CODES = {word.casefold(): code for code, word in TYPES.items()} | {kind: kind for kind in KINDS}
TYPE_VALUES = ["", *KINDS, *TYPES.values()]


def course_json(course: Course, language: str, *, in_all: bool = False) -> Json:
    """Return a course; `in_all`: its texts in every language too."""
    said = {
        "id": course.course_id,
        "slug": course.slug,
        "name": course.title(language),
        "description": course.about(language),
        "semester": course.semester,
        "teachers": course.teachers,
        "materials": course.materials,
        "counts": course.counts,
    }
    if in_all:
        said |= {"names": course.name, "descriptions": course.description}
    return said


def group_by_semester(said: Iterable[Json]) -> Json:
    """Return courses, which come by semester, in their semesters."""
    semesters = groupby(said, key=lambda course: course["semester"])
    return {"semesters": [{"number": each, "courses": list(its)} for each, its in semesters]}


def material_json(material: Material, language: str) -> Json:
    """Return a material without its text."""
    return {
        "id": material.material_id,
        "lesson_number": material.lesson,
        "material_type": TYPES[material.kind],
        "type_code": material.kind,
        "title": material.title(language),
        "file_url": material.file_url or None,
        "has_text": bool(material.text),
    }


def course_fields(course: Course, language: str) -> Json:
    """Return what stands with a material of a course."""
    return {"course_id": course.course_id, "course_name": course.title(language)}


def kind_of(word: str) -> str | None:
    """Return the type of material that a caller names, None for "".

    Raises Problem 422 for a word that names none.
    """
    if not word:
        return None
    kind = _CODES.get(word.strip().casefold())
    if kind is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "no-type", types=", ".join(TYPE_VALUES[1:]))
    return kind


def mark_found(found: Found, **texts: str) -> list[Json]:
    """Return where in these texts, by field, stands what was found."""
    return [
        {"field": field, "start": span.start, "length": span.length}
        for field, text in texts.items()
        for span in highlight_spans(text, found)
    ]


course_router = APIRouter(prefix="/api", tags=["courses"])

CourseId = Annotated[int, Path(ge=1, le=MOST_ID)]
Languages = Annotated[
    Literal["all"] | None, Query(description="`all`: names and descriptions in every language too")
]


@course_router.get(
    "/courses",
    summary="All active courses",
    response_model=list[CourseShown] | Grouped,
    responses=NOT_MODIFIED | problems(422),
)
async def list_courses(
    request: Request,
    limit: Limit = None,
    cursor: After = "",
    group: Annotated[
        Literal["semester"] | None, Query(description="`semester`: in their semesters")
    ] = None,
    semester: Annotated[int | None, Query(ge=1, le=100, description="this one alone")] = None,
    languages: Languages = None,
) -> Response:
    """Return the courses by semester, then slug.

    Without `limit` all of them, up to 1,000; of more, the first part. The Link header leads on.
    """
    services = services_of(request)
    after, most = _place(read_cursor(cursor, int, str)), services.bounds.list_at_once

    def make(language: str) -> CatalogueAnswer:
        part, has_more = courses.part(services, limit, after, semester, USUAL, most)
        following = cursor_after(part[-1].semester, part[-1].slug) if has_more else None
        told = [course_json(each, language, in_all=languages == "all") for each in part]
        return CatalogueAnswer(
            group_by_semester(told) if group else told, link_of(request, following)
        )

    return await catalogue_answer(request, make)


def _place(key: tuple[int | str, ...] | None) -> Place:
    return START if key is None else (int(key[0]), str(key[1]))


@course_router.get(
    "/courses/{course_id}",
    summary="One course",
    response_model=CourseShown,
    responses=NOT_MODIFIED | problems(401, 403, 404, 422),
    openapi_extra=FOR_ALL,
)
async def get_course(
    request: Request, course_id: CourseId, languages: Languages = None
) -> Response:
    """Return a course; one that is not active is for those who edit it."""

    def make(ctx: Context, actor: Actor, language: str) -> CatalogueAnswer:
        course = courses.get(ctx, actor, course_id)
        return CatalogueAnswer(course_json(course, language, in_all=languages == "all"))

    return await course_answer(request, make)


@course_router.get(
    "/courses/{course_id}/materials",
    summary="The materials of a course",
    response_model=MaterialsShown,
    responses=NOT_MODIFIED | problems(401, 403, 404, 422),
    openapi_extra=FOR_ALL,
)
async def list_materials(
    request: Request,
    course_id: CourseId,
    kind: Annotated[
        str,
        Query(
            alias="type",
            description="this type alone, by its code or its Russian word",
            json_schema_extra={"enum": TYPE_VALUES},
        ),
    ] = "",
) -> Response:
    """Return the materials by type (lectures, seminars, labs), then lesson."""
    wanted = kind_of(kind)

    def make(ctx: Context, actor: Actor, language: str) -> CatalogueAnswer:
        course, materials = courses.materials(ctx, actor, course_id)
        told = [material_json(one, language) for one in materials if wanted in (None, one.kind)]
        return CatalogueAnswer({**course_fields(course, language), "materials": told})

    return await course_answer(request, make)


@course_router.get(
    "/courses/{course_id}/materials/{material_id}",
    summary="One material",
    response_model=MaterialWhole,
    responses=NOT_MODIFIED | problems(401, 403, 404, 422),
    openapi_extra=FOR_ALL,
)
async def get_material(
    request: Request, course_id: CourseId, material_id: Annotated[int, Path(ge=1, le=MOST_ID)]
) -> Response:
    """Return a material of this course, with its text where it has one."""

    def make(ctx: Context, actor: Actor, language: str) -> CatalogueAnswer:
        found = courses.material(ctx, actor, course_id, material_id)
        said = {**course_fields(found.course, language), **material_json(found.material, language)}
        return CatalogueAnswer({**said, "text": found.text})

    return await course_answer(request, make)


@course_router.get(
    "/semesters",
    summary="Semesters that have courses",
    response_model=list[SemesterCount],
    responses=NOT_MODIFIED | problems(),
)
async def list_semesters(request: Request) -> Response:
    """Return each semester, and how many active courses it has."""
    ctx = context_of(request)

    def make(_language: str) -> CatalogueAnswer:
        told = courses.semesters(ctx)
        return CatalogueAnswer([{"number": each, "courses": count} for each, count in told])

    return await catalogue_answer(request, make)


@course_router.get(
    "/teachers",
    summary="Who leads which courses",
    response_model=list[TeacherShown],
    responses=NOT_MODIFIED | problems(),
)
async def list_teachers(request: Request) -> Response:
    """Return the teachers of active courses by account name."""
    ctx = context_of(request)

    def make(language: str) -> CatalogueAnswer:
        return CatalogueAnswer(
            [
                {"name": each.name, "courses": [_named(one, language) for one in each.courses]}
                for each in courses.teachers(ctx)
            ]
        )

    return await catalogue_answer(request, make)


def _named(course: Course, language: str) -> dict[str, object]:
    return {"id": course.course_id, "slug": course.slug, "name": course.title(language)}


search_router = APIRouter(prefix="/api", tags=["courses"])

# Nobody reads on further; what was searched for is then worth another word.
DEEPEST = 1_000
Words = Annotated[
    str,
    Query(
        max_length=LONGEST,
        description="all of these words in any of their forms; the last may be half typed",
    ),
]


@search_router.get(
    "/courses/search",
    summary="Courses by name or description",
    response_model=list[CourseFound],
    responses=NOT_MODIFIED | problems(422),
)
async def search_courses(
    request: Request, query: Words, limit: Limit = None, cursor: After = ""
) -> Response:
    """Return the active courses whose name or description holds the words, best first.

    An empty query holds for every course. Fifty come at once; the Link header leads on.
    """
    ctx, start = context_of(request), _start(read_cursor(cursor, int))
    end = start + (limit or USUAL)

    def make(language: str) -> CatalogueAnswer:
        said = courses.search(ctx, query, end + 1)
        following = cursor_after(end) if end < min(len(said.courses), DEEPEST) else None
        told = [_course(each, said.found, language) for each in said.courses[start:end]]
        return CatalogueAnswer(told, link_of(request, following))

    return await catalogue_answer(request, make)


def _start(key: tuple[int | str, ...] | None) -> int:
    start = 0 if key is None else int(key[0])
    if not 0 <= start < DEEPEST:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-cursor")
    return start


@search_router.patch("/courses/search", include_in_schema=False)
async def refuse_change() -> None:
    """Say that this is no course, whose card could be changed. Raises Problem 405."""
    problem = Problem(HTTPStatus.METHOD_NOT_ALLOWED, "wrong-method")
    problem.headers["Allow"] = "GET"
    raise problem


@search_router.get(
    "/search",
    summary="Courses and materials",
    response_model=Results,
    responses=NOT_MODIFIED | problems(422),
)
async def search(
    request: Request,
    query: Words,
    limit: Annotated[int, Query(ge=1, le=MOST, description="of each kind at most")] = 20,
) -> Response:
    """Return the courses and the materials that hold the words, best first."""
    ctx = context_of(request)

    def make(language: str) -> CatalogueAnswer:
        by_course = courses.search(ctx, query, limit)
        by_material = courses.search_materials(ctx, query, limit)
        suggestion = by_course.found.suggestion or by_material.found.suggestion
        results = {
            "query": query,
            "suggestion": suggestion or None,
            "courses": [_course(each, by_course.found, language) for each in by_course.courses],
            "materials": _materials(by_material, language),
        }
        return CatalogueAnswer(results)

    return await catalogue_answer(request, make)


def _course(course: Course, found: Found, language: str) -> Json:
    said = course_json(course, language)
    said["found"] = mark_found(found, name=said["name"], description=said["description"])
    return said


def _materials(said: FoundMaterials, language: str) -> list[Json]:
    return [
        {
            **material_json(material, language),
            **course_fields(course, language),
            "found": mark_found(said.found, title=material.title(language)),
        }
        for course, material in said.materials
    ]


favourite_router = APIRouter(prefix="/api/user/courses", tags=["favourites"])

Keeper = Annotated[Caller, Depends(require_access(Scope.FAVOURITES_WRITE))]
_READING = (Scope.COURSES_READ, Scope.FAVOURITES_WRITE)


@favourite_router.get(
    "",
    summary="The courses that you keep at hand",
    response_model=list[CourseShown],
    responses=NOT_MODIFIED | problems(401, 403),
)
async def list_favourites(request: Request, caller: SignedIn) -> Response:
    """Return them in the order in which they were added.

    A key needs the scope `courses:read` or `favourites:write`.
    """
    if not any(caller.has(scope) for scope in _READING):
        raise missing_scope(*_READING)
    found = await context_of(request).read(courses.favourites, caller.actor)
    language = language_of_request(request)
    return _remembered(request, [course_json(each, language) for each in found])


@favourite_router.post(
    "",
    summary="Keep a course at hand",
    status_code=HTTPStatus.CREATED,
    response_model=CourseShown,
    responses={
        200: {"model": CourseShown, "description": "It is kept already."},
        **problems(401, 403, 404, 409, 422),
    },
)
async def add_favourite(request: Request, asked: Favourite, caller: Keeper) -> Response:
    """Keep an active course; 201 when it is new, 200 when it is kept already, same body."""
    act, language = courses.add_favourite, language_of_request(request)
    is_new, course = await context_of(request).write(act, caller.actor, asked.course_id)
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return _json(course_json(course, language), language, status)


@favourite_router.delete(
    "/{course_id}",
    summary="Let a course go",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=problems(401, 403, 422),
)
async def remove_favourite(request: Request, course_id: CourseId, caller: Keeper) -> Response:
    """Let a course go; 204 whether it was kept or not."""
    await context_of(request).write(courses.remove_favourite, caller.actor, course_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _remembered(request: Request, said: list[Json]) -> Response:
    """Return a personal answer, or word that the caller has it already."""
    language = language_of_request(request)
    response = _json(said, language, HTTPStatus.OK)
    seed = bytes(response.body) + language.encode()
    tag = tag_of(seed)
    return tagged(not_modified(language) if is_known(request, tag) else response, tag)


def _json(said: object, language: str, status: HTTPStatus) -> Response:
    return Response(to_json(said), status, headers_of(language), "application/json")
