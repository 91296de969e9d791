"""Home: the courses that somebody leads, with what is asked about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter
from starlette.responses import Response

from merlin.api.pages.answering import shown
from merlin.api.pages.doing import call
from merlin.api.pages.room import Teaching
from merlin.api.pages.telling import whole
from merlin.api.pages.trouble import PageRoute
from merlin.api.pages.visit import Visit
from merlin.api.routes.teaching import list_taught_courses
from merlin.api.shape import Both
from merlin.api.teaching.lesson import TaughtCourse

router = APIRouter(route_class=PageRoute, include_in_schema=False)

DAYS = 28


@dataclass(frozen=True, slots=True)
class Led:
    """One course with its numbers of the last four weeks."""

    course_id: int
    title: str
    place: str
    is_active: bool
    materials: str
    questions: str
    disliked: str


@dataclass(frozen=True, slots=True)
class TeachView:
    """The courses that somebody leads."""

    courses: tuple[Led, ...]
    days: int = DAYS


@router.get("/teach")
async def show_taught(visit: Teaching) -> Response:
    """Return the courses that the person leads."""
    told = await list_taught_courses(await call(visit), visit.caller)
    interest = visit.services.rows.interest
    since = visit.services.clock().date() - timedelta(days=DAYS - 1)

    def read() -> list[tuple[int, int]]:
        sums = []
        for course in told.courses:
            days = interest.days(course.slug, since)
            sums.append((sum(each.questions for each in days), sum(each.down for each in days)))
        return sums

    numbers = await visit.services.store.read(read)
    led = [_led(visit, *each) for each in zip(told.courses, numbers, strict=True)]
    return shown(visit, "teach.html", v=TeachView(tuple(led)))


def _led(visit: Visit, course: TaughtCourse, numbers: tuple[int, int]) -> Led:
    questions, disliked = numbers
    return Led(
        course_id=course.id,
        title=of_language(course.name, visit.language) or course.slug,
        place=visit.say("semester", number=course.semester),
        is_active=course.active,
        materials=whole(visit, course.materials),
        questions=whole(visit, questions),
        disliked=whole(visit, disliked),
    )


def of_language(words: Both, language: str) -> str:
    """Return a text in a language, else in the other one, "" for none."""
    first, second = (words.ru, words.en) if language == "ru" else (words.en, words.ru)
    return first or second or ""
