"""The board of the courses that somebody leads, with what is asked about each.

Questions of a course by day, and the answers that people did not like.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from merlin.api.pages import board
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import LedCourse, Teaching, render_page
from merlin.app import teaching
from merlin.app.teaching import By, Questions
from merlin.chat.feedback import Period

router = APIRouter(route_class=PageRoute, include_in_schema=False)

DAYS = 28


@router.get("/teach")
async def show_taught(visit: Teaching, asked: board.Asked) -> Response:
    """Return how the commits of the courses and datasets that the person leads stand."""
    told = await visit.read(teaching.question_totals, DAYS)
    courses = {course.slug: (course, *counts) for course, *counts in told}
    return await board.show_board(visit, "teach.html", asked, courses=courses, days=DAYS)


@router.get("/courses/{course_id}/board")
async def show_board(visit: Teaching, course: LedCourse, asked: board.Asked) -> Response:
    """Return how the commits of a course stand."""
    return await board.show_board(visit, "teach_board.html", asked, course.slug, course=course)


_SPANS: tuple[tuple[By, int], ...] = (("day", 28), ("week", 182), ("week", 364))
_STEPS = {"day": 1, "week": 7}


@router.get("/courses/{course_id}/questions")
async def show_asked(
    visit: Teaching,
    course: LedCourse,
    by: By = "day",
    days: Annotated[int, Query(ge=7, le=366)] = 28,
) -> Response:
    """Return what is asked about a course."""
    told = await visit.read(teaching.questions, course.course_id, by, days, visit.language)
    view = {
        "course": course,
        "told": told,
        "periods": list(_periods(told, days)),
        "spans": _SPANS,
        "days": days,
    }
    return render_page(visit, "teach_questions.html", view)


def _periods(told: Questions, days: int) -> Iterator[Period]:
    """Yield every day or week of the span, those without a question too."""
    known = {each.begins: each for each in told.asked}
    begins = told.since
    if told.by == "week":
        begins -= timedelta(days=begins.weekday())
    last = told.since + timedelta(days=days - 1)
    while begins <= last:
        yield known.get(begins) or Period(begins, 0, 0)
        begins += timedelta(days=_STEPS[told.by])
