"""Search: `/api/courses/search` for courses alone, `/api/search` for materials too."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.catalogue_answers import Said, catalogue_answer
from merlin.api.course_shapes import CourseFound, Results
from merlin.api.course_words import Json, course_said, marks, material_said, of_course
from merlin.api.described import NOT_MODIFIED, problems
from merlin.api.paging import MOST, USUAL, After, Limit, link_of, read_cursor
from merlin.api.paging import cursor as cursor_after
from merlin.api.problems import Problem
from merlin.api.services import Rows
from merlin.course.catalogue import Course
from merlin.course.search import LONGEST, Found, Kind

router = APIRouter(prefix="/api", tags=["courses"])

# Nobody reads on further; what was searched for is then worth another word.
DEEPEST = 1_000
Words = Annotated[
    str,
    Query(
        max_length=LONGEST,
        description="all of these words in any of their forms; the last may be half typed",
    ),
]


@router.get(
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
    rows: Rows = request.app.state.services.rows
    size = limit or USUAL
    start = _start(read_cursor(cursor, int))
    end = start + size

    def saying(language: str) -> Said:
        found, courses = _courses(rows, query, end + 1)
        following = cursor_after(end) if end < min(len(courses), DEEPEST) else None
        told = [_course(each, found, language) for each in courses[start:end]]
        return Said(told, link_of(request, following))

    return await catalogue_answer(request, saying)


def _start(key: tuple[int | str, ...] | None) -> int:
    start = 0 if key is None else int(key[0])
    if not 0 <= start < DEEPEST:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-cursor")
    return start


def _courses(rows: Rows, query: str, most: int) -> tuple[Found, list[Course]]:
    if not query.strip():
        return Found(), rows.listing.part(most)
    found = rows.search.search(query, Kind.COURSE, most)
    return found, rows.listing.cards([hit.course_id for hit in found.hits])


@router.patch("/courses/search", include_in_schema=False)
async def refuse_change() -> None:
    """Say that this is no course, whose card could be changed. Raises Problem 405."""
    problem = Problem(HTTPStatus.METHOD_NOT_ALLOWED, "wrong-method")
    problem.headers["Allow"] = "GET"
    raise problem


@router.get(
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
    rows: Rows = request.app.state.services.rows

    def saying(language: str) -> Said:
        by_course, courses = _courses(rows, query, limit)
        by_material = rows.search.search(query, Kind.MATERIAL, limit)
        results = {
            "query": query,
            "suggestion": by_course.suggestion or by_material.suggestion or None,
            "courses": [_course(each, by_course, language) for each in courses],
            "materials": _materials(rows, by_material, language),
        }
        return Said(results)

    return await catalogue_answer(request, saying)


def _course(course: Course, found: Found, language: str) -> Json:
    said = course_said(course, language)
    said["found"] = marks(found, name=said["name"], description=said["description"])
    return said


def _materials(rows: Rows, found: Found, language: str) -> list[Json]:
    pairs = rows.listing.materials_of([hit.material_id for hit in found.hits])
    courses = {one.course_id: one for one in rows.listing.cards([course for course, _ in pairs])}
    return [
        {
            **material_said(material, language),
            **of_course(courses[course_id], language),
            "found": marks(found, title=material.title(language)),
        }
        for course_id, material in pairs
        if course_id in courses
    ]
