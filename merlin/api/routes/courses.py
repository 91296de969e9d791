"""The catalogue: `/api/courses`, `/api/semesters`, `/api/teachers`; for anybody, without a key."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.catalogue_answers import Said, catalogue_answer, course_answer
from merlin.api.course_shapes import (
    CourseShown,
    Grouped,
    MaterialsShown,
    MaterialWhole,
    SemesterCount,
    TeacherShown,
)
from merlin.api.course_words import (
    TYPE_VALUES,
    course_said,
    grouped,
    kind_of,
    material_said,
    of_course,
)
from merlin.api.described import FOR_ALL, NOT_MODIFIED, problems
from merlin.api.paging import USUAL, After, Limit, link_of, read_cursor
from merlin.api.paging import cursor as cursor_after
from merlin.api.services import ApiServices
from merlin.api.shape import MOST_ID
from merlin.core.errors import NotFound
from merlin.course.catalogue import Course
from merlin.course.listing import START, Place

router = APIRouter(prefix="/api", tags=["courses"])

CourseId = Annotated[int, Path(ge=1, le=MOST_ID)]
Languages = Annotated[
    Literal["all"] | None, Query(description="`all`: names and descriptions in every language too")
]


@router.get(
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
    services: ApiServices = request.app.state.services
    after = _place(read_cursor(cursor, int, str))

    def saying(language: str) -> Said:
        part, following = _part(services, limit, after, semester)
        courses = [course_said(each, language, in_all=languages == "all") for each in part]
        return Said(grouped(courses) if group else courses, link_of(request, following))

    return await catalogue_answer(request, saying)


def _place(key: tuple[int | str, ...] | None) -> Place:
    return START if key is None else (int(key[0]), str(key[1]))


def _part(
    services: ApiServices, limit: int | None, after: Place, semester: int | None
) -> tuple[list[Course], str | None]:
    """Return a part of the catalogue, and the cursor of the next one."""
    listing = services.rows.listing
    if limit is None:
        total = sum(count for _, count in listing.semesters())
        most = services.bounds.list_at_once
        limit = most if total <= most else USUAL
    part = listing.part(limit + 1, after, semester)
    if len(part) <= limit:
        return part, None
    last = part[limit - 1]
    return part[:limit], cursor_after(last.semester, last.slug)


@router.get(
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

    def saying(course: Course, language: str) -> Said:
        return Said(course_said(course, language, in_all=languages == "all"))

    return await course_answer(request, course_id, saying)


@router.get(
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
    services: ApiServices = request.app.state.services
    wanted = kind_of(kind)

    def saying(course: Course, language: str) -> Said:
        known = services.rows.listing.materials(course.course_id)
        told = [material_said(one, language) for one in known if wanted in (None, one.kind)]
        return Said({**of_course(course, language), "materials": told})

    return await course_answer(request, course_id, saying)


@router.get(
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
    rows = request.app.state.services.rows

    def saying(course: Course, language: str) -> Said:
        found = rows.listing.materials_of([material_id])
        if not found or found[0][0] != course.course_id:
            raise NotFound(f"no material {material_id}", "material-unknown")
        material = found[0][1]
        text = rows.readings.text(course.dataset, material.text) if material.text else None
        whole = {**of_course(course, language), **material_said(material, language), "text": text}
        return Said(whole)

    return await course_answer(request, course_id, saying)


@router.get(
    "/semesters",
    summary="Semesters that have courses",
    response_model=list[SemesterCount],
    responses=NOT_MODIFIED | problems(),
)
async def list_semesters(request: Request) -> Response:
    """Return each semester, and how many active courses it has."""
    listing = request.app.state.services.rows.listing

    def saying(_language: str) -> Said:
        return Said([{"number": each, "courses": count} for each, count in listing.semesters()])

    return await catalogue_answer(request, saying)


@router.get(
    "/teachers",
    summary="Who leads which courses",
    response_model=list[TeacherShown],
    responses=NOT_MODIFIED | problems(),
)
async def list_teachers(request: Request) -> Response:
    """Return the teachers of active courses by account name."""
    listing = request.app.state.services.rows.listing

    def saying(language: str) -> Said:
        return Said(
            [
                {"name": teacher.name, "courses": [_named(one, language) for one in its]}
                for teacher in listing.teachers()
                for its in (teacher.courses,)
            ]
        )

    return await catalogue_answer(request, saying)


def _named(course: Course, language: str) -> dict[str, object]:
    return {"id": course.course_id, "slug": course.slug, "name": course.title(language)}
