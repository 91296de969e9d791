"""Boards: how commits stand, of all datasets for admins, of the led courses for teachers.

Cards in lanes, one commit's story below its row; asked for anew by htmx. What the page shows has a
tag; a script that asks once a second brings the tag it has seen, and is sent nothing while nothing
changed. Beside them: what needs an admin, and a course's questions by day with the answers that
people did not like.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from merlin.api.pages.admin.jobs import curve_view, evaluation_href
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.formatting import day_of_year, state_text
from merlin.api.pages.page import (
    LedCourse,
    PageRequest,
    Teaching,
    Watching,
    render_fragment,
    render_page,
)
from merlin.app import approvals, teaching
from merlin.app.board import Board, CommitDetails, Stage, read_board, read_commit
from merlin.app.health import health
from merlin.app.teaching import By, Questions
from merlin.chat.feedback import Period
from merlin.core.charts import Curve, plot_curve
from merlin.core.permissions import Permission
from merlin.core.web.assets import seen_other

Shown = Literal["all", "care", "moving"]


@dataclass(frozen=True, slots=True)
class BoardQuery:
    """What of the board is asked for; `seen`: the tag of what a script has, None for a page."""

    show: Shown = "all"
    commit: Annotated[str, Query(pattern="^([0-9a-f]{4,64})?$")] = ""
    seen: Annotated[str | None, Query(max_length=80)] = None


Asked = Annotated[BoardQuery, Depends()]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


async def render_board(
    visit: PageRequest, template: str, board_query: BoardQuery, dataset: str = "", **more: object
) -> Response:
    """Return the page, or for a script its board, of one dataset or ("") of all.

    `more` is what its template shows beside the board.
    """
    board = await visit.read(read_board, dataset)
    opened: list[CommitDetails] = []
    if board_query.commit:
        opened = await visit.read(partial(read_commit, commit=board_query.commit, dataset=dataset))
    shown = repr((board.rows, board.silent_since, opened)).encode("utf-8", "replace")
    tag = hashlib.sha256(shown).hexdigest()[:20]
    if board_query.seen == tag:
        return Response(status_code=204)
    view = {
        "board": board,
        "lanes": list(Stage),
        "show": board_query.show,
        "chosen": board_query.commit,
        "opened": {each.verdict.dataset: each for each in opened},
        "curves": {
            each.verdict.dataset: curve_view(visit, each.job) for each in opened if each.job
        },
        "sparks": _sparks(visit, board),
        "evaluation_href": evaluation_href,
        "board_href": visit.request.scope["path"],
        "seen": tag,
        "courses": {},
        **more,
    }
    if board_query.seen is not None:
        return render_fragment(visit, "board_live.html", view)
    return render_page(visit, template, view)


def _sparks(visit: PageRequest, board: Board) -> dict[int, Curve | None]:
    """Return the curves of the jobs that are shown, by job, with few points."""
    found = {}
    for card in board.cards:
        if card.job and card.training:
            series = card.training.losses.series()
            steps = 0 if card.job.is_over else card.training.progress.steps
            found[card.job.id] = plot_curve(series["train"], series["test"], steps, visit.language)
    return found


DAYS = 28


@router.get("/teach")
async def show_taught(visit: Teaching, asked: Asked) -> Response:
    """Return how the commits of the courses and datasets that the person leads stand."""
    totals = await visit.read(teaching.question_totals, DAYS)
    courses = {course.slug: (course, *counts) for course, *counts in totals}
    return await render_board(visit, "teach.html", asked, courses=courses, days=DAYS)


@router.get("/courses/{course_id}/board")
async def show_course_board(visit: Teaching, course: LedCourse, asked: Asked) -> Response:
    """Return how the commits of a course stand."""
    return await render_board(visit, "teach_board.html", asked, course.slug, course=course)


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


def _periods(questions: Questions, days: int) -> Iterator[Period]:
    """Yield every day or week of the span, those without a question too."""
    known = {each.begins: each for each in questions.asked}
    begins = questions.since
    if questions.by == "week":
        begins -= timedelta(days=begins.weekday())
    last = questions.since + timedelta(days=days - 1)
    while begins <= last:
        yield known.get(begins) or Period(begins, 0, 0)
        begins += timedelta(days=_STEPS[questions.by])


# That many days before a base model goes dark it is time to choose another one.
_SOON_DAYS = 60


@router.get("/admin")
async def show_home(visit: Watching) -> Response:  # noqa: ARG001 - asks to sign in
    """Lead to the board."""
    return seen_other("/admin/board")


@router.get("/admin/board")
async def show_board(visit: Watching, asked: Asked) -> Response:
    """Return how the commits of all datasets stand."""
    cares = await _cares(visit)
    return await render_board(visit, "admin_board.html", asked, cares=cares)


async def _cares(visit: PageRequest) -> list[tuple[str, str, str, str, str]]:
    """Return what waits for approval, silent processes and bases that go dark, for who may look.

    A style (bad or warn), an icon, where it leads, a title, and what it is about.
    """
    if not visit.may(Permission.USERS):
        return []
    cares = []
    if count := await visit.read(approvals.count_waiting):
        title = visit.say("approvals-waiting", count=count)
        cares.append(("warn", "clock", "/admin/approvals", title, ""))
    view = await visit.read(health, 0)
    for process in view.processes:
        if not process.alive:
            title = visit.say("silent", process=state_text(visit, "process", process.process))
            cares.append(("bad", "warn", "/admin/health", title, process.host))
    for base in view.sunsets:
        if base.days_left <= _SOON_DAYS:
            title = visit.say("sunset-soon", model=base.model, count=base.days_left)
            about = f"{base.used_for} · {day_of_year(visit, base.ends)}"
            cares.append(("warn", "clock", "/admin/health", title, about))
    return cares
