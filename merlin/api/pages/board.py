"""Boards of commits: of all datasets for admins, of their courses for teachers.

Cards in lanes, with the details of one commit below its row; htmx polls for updates. The board has
a tag; a script sends the tag it has, and gets 204 while nothing has changed.
"""

import asyncio
import hashlib
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from merlin.api.pages.admin.jobs import evaluation_href
from merlin.api.pages.errors import page_router
from merlin.api.pages.page import (
    LedCourse,
    PageContext,
    TeacherContext,
    ViewerContext,
    render_fragment,
    render_page,
)
from merlin.api.pages.teach.edit_form import EditedDataset
from merlin.api.schema import MAX_ID, CommitId, Name
from merlin.app import teaching
from merlin.app.board import Card, Stage, read_board, read_commit
from merlin.app.commit_texts import read_texts
from merlin.app.over_time import read_over_time
from merlin.app.verdicts import CommitFilter, list_commits
from merlin.chat.feedback import QuestionOutcome
from merlin.core.charts import choose_top, place_shares, stack_bars
from merlin.core.permissions import Permission
from merlin.core.web.assets import seen_other
from merlin.training.commit_state import CommitState


@dataclass(frozen=True, slots=True)
class BoardQuery:
    """Parameters of a board; `seen`: the tag that a script has, None for a full page."""

    commit: CommitId = ""
    seen: Annotated[str | None, Query(max_length=80)] = None


RequestedBoard = Annotated[BoardQuery, Depends()]

router = page_router()


async def render_board(
    context: PageContext,
    template: str,
    board_query: BoardQuery,
    dataset: str = "",
    **more: object,
) -> Response:
    """Return the page, or its board for a script, of one dataset or ("") of all.

    `more` are additional values of the template.
    """
    board = await context.read(read_board, context.actor, dataset)
    opened = await _read_opened(context, board_query.commit, dataset)
    tasks = [task for task in context.tasks if dataset in ("", task.dataset)]
    waiting = sum(task.waiting for task in context.tasks)
    tag = _tag_of(
        board.rows, board.silent_since, board.is_telegram_down, opened, tasks, waiting
    )
    if board_query.seen == tag:
        return Response(status_code=204)
    reached = {*chain(*(row.stages for row in board.rows if not row.is_at_rest))}
    view = {
        "board": board,
        "stages": list(Stage),
        "lanes": [stage for stage in Stage if stage in reached],
        "tasks": tasks,
        "waiting": waiting,
        "titles": {row.name: row.title_in(context.language) for row in board.rows},
        "texts": {
            name: await asyncio.to_thread(read_texts, context.services, card)
            for name, card in opened.items()
        },
        "chosen": board_query.commit,
        "opened": opened,
        "evaluation_href": evaluation_href,
        "board_href": context.request.scope["path"],
        "seen": tag,
        "courses": {},
        **more,
    }
    if board_query.seen is not None:
        return render_fragment(context, "board_live.html", view)
    return render_page(context, template, view)


async def _read_opened(
    context: PageContext, commit: str, dataset: str
) -> dict[str, Card]:
    """Return by dataset the cards of the commit whose details are open, none for ""."""
    if not commit:
        return {}
    read = partial(read_commit, commit=commit, dataset=dataset)
    return {card.dataset: card for card in await context.read(read, context.actor)}


def _tag_of(*shown: object) -> str:
    """Return a tag that changes with what a board shows."""
    content = repr(shown).encode("utf-8", "replace")
    return hashlib.sha256(content).hexdigest()[:20]


class CommitQuery(BaseModel):
    """Parameters of a list of commits; `before` is the position of the page's last one."""

    author: str = Field(default="", max_length=200)
    state: str = Field(default="", max_length=20)
    text: str = Field(default="", max_length=200)
    before: int = Field(default=0, ge=0, le=MAX_ID)


@router.get("/datasets/{dataset}/commits")
async def show_commits(
    context: TeacherContext, dataset: Name, asked: Annotated[CommitQuery, Query()]
) -> Response:
    """Return the commits of a dataset, newest first."""
    wanted = CommitFilter(asked.author, asked.state, asked.text.strip())
    find = partial(list_commits, dataset=dataset, wanted=wanted, before=asked.before)
    found = await context.read(find, context.actor)
    older = {**asdict(wanted), "before": found.before}
    view = {
        "dataset": dataset,
        "found": found,
        "wanted": wanted,
        "states": [state for state in CommitState if not state.is_of_edit],
        "board_href": _board_href(context, dataset),
        "next_href": f"?{urlencode(older)}" if found.before else "",
    }
    return render_page(context, "commits.html", view)


def _board_href(context: PageContext, dataset: str) -> str:
    """Return the address of a board with this dataset that the person may open."""
    return "/admin/board" if context.may(Permission.WATCH, dataset) else "/teach"


@router.get("/datasets/{dataset}/over-time")
async def show_over_time(context: TeacherContext, dataset: EditedDataset) -> Response:
    """Return the right answers of a dataset's models, and its questions by week, as charts."""
    found = await context.read(
        partial(read_over_time, dataset=dataset.name), context.actor
    )
    columns = [
        [week.counts[outcome] for outcome in QuestionOutcome] for week in found.weeks
    ]
    top = choose_top(max(map(sum, columns), default=1))
    view = {
        "dataset": dataset,
        "course": dataset.course,
        "found": found,
        "places": place_shares([point.share for point in found.points]),
        "outcomes": list(QuestionOutcome),
        "bars": stack_bars(columns, top),
        "top": top,
        "board_href": _board_href(context, dataset.name),
        "evaluation_href": evaluation_href,
    }
    return render_page(context, "teach_over_time.html", view)


DAYS = 28


@router.get("/teach")
async def show_taught(context: TeacherContext, query: RequestedBoard) -> Response:
    """Return the board of the courses and datasets that the person edits."""
    totals = await context.read(teaching.count_questions, context.actor, DAYS)
    courses = {course.slug: (course, *counts) for course, *counts in totals}
    return await render_board(context, "teach.html", query, courses=courses)


@router.get("/courses/{course_id}/board")
async def show_course_board(
    context: TeacherContext, course: LedCourse, query: RequestedBoard
) -> Response:
    """Return the board of a course."""
    return await render_board(
        context, "teach_board.html", query, course.slug, course=course
    )


@router.get("/admin")
async def show_home(context: ViewerContext) -> Response:  # noqa: ARG001 - asks to sign in
    """Redirect to the board."""
    return seen_other("/admin/board")


@router.get("/admin/board")
async def show_board(context: ViewerContext, query: RequestedBoard) -> Response:
    """Return the board of all datasets."""
    return await render_board(context, "admin_board.html", query)
