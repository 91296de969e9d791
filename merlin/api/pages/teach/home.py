"""The courses that somebody leads, with what is asked about them.

Questions of a course by day, and the answers that people did not like.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from merlin.api.pages.components import Bars, Count, bars_of
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import (
    Link,
    PageRequest,
    Teaching,
    course_led,
    day,
    render_page,
    when,
    whole,
)
from merlin.api.schema import Id
from merlin.app import teaching
from merlin.app.teaching import By, Questions
from merlin.course.catalogue import Course

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
    told = await visit.context.read(teaching.question_totals, visit.caller.actor, DAYS)
    led = [_led(visit, *each) for each in told]
    return render_page(visit, "teach.html", v=TeachView(tuple(led)))


def _led(visit: PageRequest, course: Course, questions: int, disliked: int) -> Led:
    return Led(
        course_id=course.course_id,
        title=course.title(visit.language),
        place=visit.say("semester", number=course.semester),
        is_active=course.is_active,
        materials=whole(visit, course.materials),
        questions=whole(visit, questions),
        disliked=whole(visit, disliked),
    )


_SPANS: tuple[tuple[By, int], ...] = (("day", 28), ("week", 182), ("week", 364))
_STEPS = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True)
class Disliked:
    """An answer that people did not like, without anybody's name."""

    at: str
    question: str
    answer: str
    about: str


@dataclass(frozen=True, slots=True)
class QuestionsView:
    """The page; `told` says the drawing in words."""

    course_id: int
    title: str
    spans: tuple[Link, ...]
    bars: Bars | None
    counts: tuple[Count, ...]
    told: str
    disliked: tuple[Disliked, ...]


@router.get("/courses/{course_id}/questions")
async def show_asked(
    visit: Teaching,
    course_id: Id,
    by: By = "day",
    days: Annotated[int, Query(ge=7, le=366)] = 28,
) -> Response:
    """Return what is asked about a course."""
    course = await course_led(visit, course_id)
    act, actor = teaching.questions, visit.caller.actor
    told = await visit.context.read(act, actor, course_id, by, days, visit.language)
    counts = tuple(_counts(visit, told, days))
    total, bad = sum(each.count for each in counts), sum(each.bad for each in counts)
    view = QuestionsView(
        course_id=course_id,
        title=course.title(visit.language),
        spans=tuple(_spans(visit, course_id, days)),
        bars=bars_of(counts),
        counts=tuple(each for each in reversed(counts) if each.count),
        told=visit.say("asked-told", count=total, bad=bad, days=days),
        disliked=tuple(_disliked(visit, told)),
    )
    return render_page(visit, "teach_questions.html", v=view)


def _spans(visit: PageRequest, course_id: int, days: int) -> Iterator[Link]:
    for by, length in _SPANS:
        href = f"/courses/{course_id}/questions?by={by}&days={length}"
        yield Link(href, visit.say(f"span-{length}"), length == days)


def _counts(visit: PageRequest, told: Questions, days: int) -> Iterator[Count]:
    """Yield every day or week of the span, those without a question too."""
    known = {each.begins: each for each in told.asked}
    begins = _monday(told.since) if told.by == "week" else told.since
    last = told.since + timedelta(days=days - 1)
    while begins <= last:
        each = known.get(begins)
        words = day(visit, begins)
        yield Count(words, each.questions, each.disliked) if each else Count(words, 0)
        begins += timedelta(days=_STEPS[told.by])


def _monday(at: date) -> date:
    return at - timedelta(days=at.weekday())


def _disliked(visit: PageRequest, told: Questions) -> Iterator[Disliked]:
    for each in told.disliked:
        votes = visit.say("votes", liked=whole(visit, each.liked), disliked=each.disliked)
        yield Disliked(when(visit, each.at), each.question, each.answer, f"{votes} · {each.model}")
