"""What those who lead a course change of it: its card and its materials, each write a commit.

A write answers 202 with a change; `?dry_run=true` answers 200 with what would come of it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.key import Scope
from merlin.account.role import Permission
from merlin.api.caller import Caller, holding
from merlin.api.described import NAMED, problems
from merlin.api.idempotent import once
from merlin.api.language import language_of_request
from merlin.api.shape import DryRun, Id, Shape
from merlin.api.teaching.asking import Shelf, asked, shelf_of, unchanged
from merlin.api.teaching.lesson import (
    CourseBody,
    MaterialBody,
    TaughtCourses,
    TaughtDetails,
    course_taught,
    details,
)
from merlin.api.teaching.right import Leading, account_name, led, services_of
from merlin.api.teaching.shown import ChangeShown, PreviewShown
from merlin.chat.interest import Stretch, by_week
from merlin.course.leading import leads
from merlin.course.teaching import Book, Proposed
from merlin.dataset.masking import mask

router = APIRouter(prefix="/api", tags=["teaching"])

Reading = Annotated[Caller, Depends(holding(Scope.COURSES_READ))]
WRITTEN = {
    HTTPStatus.ACCEPTED.value: {"model": ChangeShown, "description": "A commit was asked for"},
    HTTPStatus.OK.value: {"model": PreviewShown, "description": "What a dry run tells"},
    **problems(400, 401, 403, 404, 409, 413, 422),
}
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="the revision that you saw", max_length=80)
]
_DAYS = 28
_MOST_DAYS = 366
_WORST = 20


@router.get("/teacher/courses", summary="The courses that you lead", responses=problems(401, 403))
async def list_taught_courses(request: Request, caller: Reading) -> TaughtCourses:
    """Return them by semester; none for somebody who leads no course."""
    services = services_of(request)

    def found() -> TaughtCourses:
        name = account_name(services, caller)
        every = services.rows.courses.courses(active_only=False)
        mine = [each for each in every if leads(caller.standing, name, each)]
        return TaughtCourses(courses=[course_taught(each) for each in mine])

    if not caller.may(Permission.EDIT_MATERIALS):
        return TaughtCourses(courses=[])
    return await services.store.read(found)


@router.get(
    "/teacher/courses/{course_id}",
    summary="A course as its files say it, with what waits for its commit",
    responses=problems(401, 403, 404, 409, 422),
)
async def show_taught_course(request: Request, caller: Leading, course_id: Id) -> TaughtDetails:
    """Return the texts, and the revisions that a write has to name."""
    course = await led(request, caller, course_id)
    services = services_of(request)

    def found() -> TaughtDetails:
        shelf = shelf_of(services, course.slug)
        book = Book(shelf.files)
        return details(course, book, book.lessons(shelf.known))

    return await services.store.read(found)


@router.patch(
    "/courses/{course_id}",
    summary="Change a course's card",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    responses=WRITTEN,
)
async def edit_course(
    request: Request,
    caller: Leading,
    course_id: Id,
    body: CourseBody,
    if_match: IfMatch = None,
    *,
    dry_run: DryRun = False,
) -> Response:
    """Ask for a commit that changes course.yaml."""
    course = await led(request, caller, course_id)

    def make(shelf: Shelf) -> Proposed:
        book = Book(shelf.files)
        proposed = book.with_card(body.values())
        new = proposed.edits[0].text
        unchanged(body.revision or if_match, book.revision, new, book.text)
        return proposed

    return await asked(request, caller, course.slug, make, dry_run=dry_run)


@router.post(
    "/courses/{course_id}/materials",
    summary="Add a material",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    openapi_extra=NAMED,
    responses=WRITTEN,
)
async def add_material(
    request: Request,
    caller: Leading,
    course_id: Id,
    body: MaterialBody,
    *,
    dry_run: DryRun = False,
) -> Response:
    """Ask for a commit with the material and the file of its text."""
    course, draft = await led(request, caller, course_id), body.draft()

    async def deed(number: int) -> Response:
        return await asked(
            request,
            caller,
            course.slug,
            lambda shelf: Book(shelf.files).added(draft),
            dry_run=dry_run,
            number=number,
        )

    return await once(request, caller, deed)


@router.put(
    "/courses/{course_id}/materials/{material_id}",
    summary="Change a material",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    responses=WRITTEN,
)
async def edit_material(
    request: Request,
    caller: Leading,
    course_id: Id,
    material_id: Id,
    body: MaterialBody,
    if_match: IfMatch = None,
    *,
    dry_run: DryRun = False,
) -> Response:
    """Ask for a commit that makes the material what the body says."""
    course, draft = await led(request, caller, course_id), body.draft()

    def make(shelf: Shelf) -> Proposed:
        book = Book(shelf.files)
        lesson = book.lesson(shelf.known, material_id)
        unchanged(body.revision or if_match, lesson.revision, body.text, lesson.words)
        return book.changed(lesson.place, draft)

    return await asked(request, caller, course.slug, make, dry_run=dry_run)


@router.delete(
    "/courses/{course_id}/materials/{material_id}",
    summary="Remove a material",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    responses=WRITTEN,
)
async def remove_material(
    request: Request,
    caller: Leading,
    course_id: Id,
    material_id: Id,
    revision: Annotated[str, Query(max_length=64)] = "",
    if_match: IfMatch = None,
    *,
    dry_run: DryRun = False,
) -> Response:
    """Ask for a commit without the material, and without its text where no other names it."""
    course = await led(request, caller, course_id)

    def make(shelf: Shelf) -> Proposed:
        book = Book(shelf.files)
        lesson = book.lesson(shelf.known, material_id)
        unchanged(revision or if_match, lesson.revision, None, lesson.words)
        return book.dropped(lesson.place)

    return await asked(request, caller, course.slug, make, dry_run=dry_run)


class Asked(Shape):
    """What was asked in a day or a week."""

    begins: date
    questions: int
    liked: int
    disliked: int


class DislikedAnswer(Shape):
    """An answer that people did not like; personal words are masked, nobody is named."""

    at: datetime
    question: str
    answer: str
    model: str
    liked: int
    disliked: int


class Questions(Shape):
    """What is asked about a course."""

    course: int
    by: Literal["day", "week"]
    since: date
    asked: list[Asked]
    disliked: list[DislikedAnswer] = Field(
        description="the least liked first, only of people who allow their words to be used"
    )


@router.get(
    "/courses/{course_id}/questions",
    summary="What people ask about a course",
    responses=problems(401, 403, 404, 422),
)
async def show_questions(
    request: Request,
    caller: Leading,
    course_id: Id,
    by: Literal["day", "week"] = "day",
    days: Annotated[int, Query(ge=1, le=_MOST_DAYS)] = _DAYS,
) -> Questions:
    """Return counts, and the words of those who allowed it."""
    course = await led(request, caller, course_id)
    services, language = services_of(request), language_of_request(request)
    since = services.clock().date() - timedelta(days=days - 1)

    def found() -> Questions:
        interest = services.rows.interest
        told = interest.days(course.slug, since)
        return Questions(
            course=course.course_id,
            by=by,
            since=since,
            asked=[_asked(each) for each in (by_week(told) if by == "week" else told)],
            disliked=[
                DislikedAnswer(
                    at=each.at,
                    question=mask(each.question, language).words,
                    answer=mask(each.answer, language).words,
                    model=each.model_id,
                    liked=each.up,
                    disliked=each.down,
                )
                for each in interest.disliked(course.slug, since, _WORST)
            ],
        )

    return await services.store.read(found)


def _asked(stretch: Stretch) -> Asked:
    return Asked(
        begins=stretch.begins,
        questions=stretch.questions,
        liked=stretch.up,
        disliked=stretch.down,
    )
