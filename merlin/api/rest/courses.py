"""The catalogue, search and favourites.

/api/courses   public, without authentication
/api/courses/search
/api/user/courses                             the caller's own favourites
"""

from collections.abc import Mapping
from http import HTTPStatus
from itertools import groupby
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope as CallScope
from typing_extensions import TypedDict

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, RequiredAccess, SignedIn, make_missing_scope_problem
from merlin.api.problems import Problem, problems
from merlin.api.response_cache import catalogue_answer
from merlin.api.schema import (
    DEFAULT_PAGE_SIZE,
    MAX_ID,
    MAX_PAGE_SIZE,
    WHOLE,
    Id,
    InLanguage,
    ResponseModel,
    operation_router,
)
from merlin.app import courses
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.course.catalogue import KINDS, Course
from merlin.course.search import MAX_QUERY_LENGTH
from merlin.dataset.spec import MaterialKind

Json = dict[str, Any]
# Clients depend on these names in every language.
TYPES: Mapping[str, str] = {
    "lecture": "Лекция",
    "seminar": "Семинар",
    "lab": "Лабораторная работа",
}
_CODES = {word.casefold(): code for code, word in TYPES.items()} | {
    kind: kind for kind in KINDS
}
TYPE_VALUES = ["", *KINDS, *TYPES.values()]


# The number of materials of each type.
Counts = TypedDict("Counts", {"lecture": int, "seminar": int, "lab": int})


class CourseShown(ResponseModel):
    """A course; `name` and `description` are in the caller's language."""

    id: int = Field(validation_alias="course_id")
    slug: str = Field(description="Name of the course in URLs, and of its dataset.")
    name: InLanguage = Field(validation_alias="title")
    description: InLanguage = Field(validation_alias="about")
    semester: int
    teachers: list[str] = Field(description="Usernames of the teachers.")
    materials: int
    counts: Counts


SemesterShown = TypedDict(
    "SemesterShown", {"number": int, "courses": list[CourseShown]}
)
Grouped = TypedDict("Grouped", {"semesters": list[SemesterShown]})


class MaterialShown(ResponseModel):
    """A material of a course."""

    id: int = Field(validation_alias="material_id")
    lesson_number: int = Field(validation_alias="lesson")
    material_type: Annotated[
        Literal["Лекция", "Семинар", "Лабораторная работа"],
        BeforeValidator(lambda kind: TYPES.get(kind, kind)),
    ] = Field(validation_alias="kind")
    type_code: MaterialKind = Field(validation_alias="kind")
    title: InLanguage
    file_url: Annotated[str | None, BeforeValidator(lambda url: url or None)] = Field(
        description="URL of the file; null if there is only a text."
    )
    has_text: bool


# The materials of a course, by type, then lesson.
MaterialsShown = TypedDict(
    "MaterialsShown",
    {"course_id": int, "course_name": str, "materials": list[MaterialShown]},
)


class MaterialWhole(MaterialShown):
    """A material with its text."""

    course_id: int
    course_name: str
    text: str | None = Field(
        description="Text in Markdown; null if there is only a file."
    )


class Favourite(BaseModel):
    """The course to add."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    course_id: Annotated[int, Field(ge=1, le=MAX_ID), WHOLE]


def course_fields(course: Course, language: str) -> Json:
    """Return the course fields of a material."""
    return {"course_id": course.course_id, "course_name": course.title(language)}


def kind_of(value: str) -> str | None:
    """Return the type of material of a query parameter, None for "".

    Raises Problem 422 for an unknown type.
    """
    if not value:
        return None
    kind = _CODES.get(value.strip().casefold())
    if kind is None:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "no-type", types=", ".join(TYPE_VALUES[1:])
        )
    return kind


CACHED: dict[int | str, dict[str, Any]] = {
    **problems(),
    304: {"description": "Not modified: the version with this ETag is current."},
}
course_router = operation_router(prefix="/api", tags=["courses"], responses=CACHED)


@course_router.get(
    "/courses", summary="List courses", response_model=list[CourseShown] | Grouped
)
async def list_courses(
    request: Request,
    group: Annotated[
        Literal["semester"] | None,
        Query(description="`semester` groups the courses by semester."),
    ] = None,
    semester: Annotated[
        int | None,
        Query(ge=1, le=100, description="Return only courses of this semester."),
    ] = None,
) -> Response:
    """Return the active courses, sorted by semester, then slug."""

    def make(ctx: Context, language: str) -> object:
        every = ctx.read_courses().courses
        listed = [course for course in every if semester in (None, course.semester)]
        items = [CourseShown.from_object(course, language) for course in listed]
        if group is None:
            return items
        semesters = groupby(items, key=lambda course: course.semester)
        return {
            "semesters": [
                {"number": number, "courses": [*each]} for number, each in semesters
            ]
        }

    return await catalogue_answer(request, make)


@course_router.get(
    "/courses/{course_id}", summary="Get a course", response_model=CourseShown
)
async def get_course(request: Request, course_id: Id) -> Response:
    """Return an active course."""

    def make(ctx: Context, language: str) -> object:
        course = courses.get(ctx, Actor(), course_id)
        return CourseShown.from_object(course, language)

    return await catalogue_answer(request, make)


@course_router.get(
    "/courses/{course_id}/materials",
    summary="List the materials of a course",
    response_model=MaterialsShown,
)
async def list_materials(
    request: Request,
    course_id: Id,
    kind: Annotated[
        str,
        Query(
            alias="type",
            description="Return only materials of this type: a type code or its Russian name.",
            json_schema_extra={"enum": TYPE_VALUES},
        ),
    ] = "",
) -> Response:
    """Return the materials, sorted by type (lectures, seminars, labs), then lesson."""
    requested = kind_of(kind)

    def make(ctx: Context, language: str) -> object:
        course, materials = courses.list_materials(ctx, Actor(), course_id)
        chosen = [
            MaterialShown.from_object(material, language)
            for material in materials
            if requested in (None, material.kind)
        ]
        return {**course_fields(course, language), "materials": chosen}

    return await catalogue_answer(request, make)


@course_router.get(
    "/courses/{course_id}/materials/{material_id}",
    summary="Get a material",
    response_model=MaterialWhole,
)
async def get_material(request: Request, course_id: Id, material_id: Id) -> Response:
    """Return a material with its text, if it has one."""

    def make(ctx: Context, language: str) -> object:
        details = courses.read_material(ctx, Actor(), course_id, material_id)
        view = MaterialShown.from_object(details.material, language)
        fields = course_fields(details.course, language)
        return MaterialWhole(**fields, **dict(view), text=details.text)

    return await catalogue_answer(request, make)


class FixedPath(APIRoute):
    """A route that answers 405 itself: /courses/{course_id} matches its path too."""

    def matches(self, scope: CallScope) -> tuple[Match, CallScope]:
        """Return a full match for each method."""
        match, child = super().matches(scope)
        return (Match.NONE if match is Match.NONE else Match.FULL), child


search_router = operation_router(
    prefix="/api", tags=["courses"], responses=CACHED, route_class=FixedPath
)

Words = Annotated[
    str,
    Query(
        max_length=MAX_QUERY_LENGTH,
        description="Words that must all occur, in any inflection; the last one may be incomplete.",
    ),
]


class MaterialFound(ResponseModel):
    """A material in which a search found its words."""

    id: int = Field(validation_alias="material_id")
    title: InLanguage


class CourseFound(CourseShown):
    """A course that a search found."""

    found_in: list[MaterialFound] = Field(
        description="Materials whose title or text matches."
    )


@search_router.get(
    "/courses/search", summary="Search courses", response_model=list[CourseFound]
)
async def search_courses(
    request: Request,
    query: Words,
    limit: Annotated[
        int, Query(ge=1, le=MAX_PAGE_SIZE, description="Maximum number of courses.")
    ] = DEFAULT_PAGE_SIZE,
) -> Response:
    """Return the active courses that match the query, best match first.

    By name and description, then by their materials. An empty query matches every course.
    """

    def make(ctx: Context, language: str) -> object:
        matches, _ = courses.search(ctx, query, limit)
        return [
            {
                **CourseShown.from_object(each.course, language).model_dump(),
                "found_in": [
                    MaterialFound.from_object(material, language)
                    for material in each.found_in
                ],
            }
            for each in matches
        ]

    return await catalogue_answer(request, make)


favourite_router = operation_router(prefix="/api/user/courses", tags=["favourites"])

Keeper = Annotated[Caller, Depends(RequiredAccess(Scope.FAVOURITES_WRITE))]
_READING = (Scope.COURSES_READ, Scope.FAVOURITES_WRITE)


@favourite_router.get(
    "",
    summary="List my favourite courses",
)
async def list_favourites(caller: SignedIn) -> list[CourseShown]:
    """Return the favourites in the order in which they were added.

    An API key needs the scope `courses:read` or `favourites:write`.
    """
    if not any(caller.has(scope) for scope in _READING):
        raise make_missing_scope_problem(*_READING)
    return [
        CourseShown.from_object(course, caller.language)
        for course in await caller.read(courses.list_favourites, caller.actor)
    ]


@favourite_router.post(
    "",
    summary="Add a favourite course",
    status_code=HTTPStatus.CREATED,
    responses={
        200: {
            "model": CourseShown,
            "description": "The course already was a favourite",
        },
        **problems(409),
    },
)
async def add_favourite(
    body: Favourite, caller: Keeper, response: Response
) -> CourseShown:
    """Add an active course; 201 if it was added, 200 if it already was a favourite."""
    is_new, course = await caller.write(
        courses.add_favourite, caller.actor, body.course_id
    )
    if not is_new:
        response.status_code = HTTPStatus.OK
    return CourseShown.from_object(course, caller.language)


@favourite_router.delete(
    "/{course_id}",
    summary="Remove a favourite course",
    status_code=204,
    response_class=Response,
)
async def remove_favourite(course_id: Id, caller: Keeper) -> Response:
    """Remove a course from the favourites; 204 even if it was not a favourite."""
    await caller.write(courses.remove_favourite, caller.actor, course_id)
    return Response(status_code=204)
