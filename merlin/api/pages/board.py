"""Boards of commits: of all datasets for admins, of their courses for teachers.

Cards in lanes, with the details of one commit below its row; htmx polls for updates. The board has
a tag; a script sends the tag it has, and gets 204 while nothing has changed.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query
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
from merlin.api.schema import CommitId, Part
from merlin.app import teaching
from merlin.app.board import Board, BoardRow, CommitDetails, Stage, read_board, read_commit
from merlin.core.web.assets import seen_other


@dataclass(frozen=True, slots=True)
class BoardQuery:
    """Parameters of a board; `seen`: the tag that a script has, None for a full page."""

    page: Part
    commit: CommitId = ""
    seen: Annotated[str | None, Query(max_length=80)] = None


RequestedBoard = Annotated[BoardQuery, Depends()]

router = page_router()


async def render_board(
    context: PageContext, template: str, board_query: BoardQuery, dataset: str = "", **more: object
) -> Response:
    """Return the page, or its board for a script, of one dataset or ("") of all.

    `more` are additional values of the template.
    """
    board = await context.read(read_board, context.actor, dataset)
    found: list[CommitDetails] = []
    if board_query.commit:
        found = await context.read(
            partial(read_commit, commit=board_query.commit, dataset=dataset), context.actor
        )
    opened = {details.verdict.dataset: details for details in found}
    rows = _take_rows(board, board_query, opened)
    content = repr((rows, len(board.cards), board.silent_since, opened)).encode("utf-8", "replace")
    tag = hashlib.sha256(content).hexdigest()[:20]
    if board_query.seen == tag:
        return Response(status_code=204)
    path, page = context.request.scope["path"], board_query.page
    view = {
        "board": board,
        "lanes": list(Stage),
        "chosen": board_query.commit,
        "rows": rows,
        "opened": opened,
        "evaluation_href": evaluation_href,
        "board_href": path,
        "part_href": _part_href(board_query, path, page.cursor),
        "next_href": page.following and _part_href(board_query, path, page.following),
        "seen": tag,
        "courses": {},
        **more,
    }
    if board_query.seen is not None:
        return render_fragment(context, "board_live.html", view)
    return render_page(context, template, view)


def _take_rows(board: Board, board_query: BoardQuery, opened: Collection[str]) -> list[BoardRow]:
    """Return the datasets of the requested part, and the opened ones."""
    names = [row.name for row in board_query.page.skip(board.rows, lambda row: row.name)]
    shown = {*board_query.page.take_part(names, str), *opened}
    return [row for row in board.rows if row.name in shown]


def _part_href(board_query: BoardQuery, path: str, cursor: str) -> str:
    values = {"limit": board_query.page.limit, "cursor": cursor}
    return f"{path}?{urlencode({name: value for name, value in values.items() if value})}"


DAYS = 28


@router.get("/teach")
async def show_taught(context: TeacherContext, query: RequestedBoard) -> Response:
    """Return the board of the courses and datasets that the person edits."""
    totals = await context.read(teaching.count_questions, context.actor, DAYS)
    courses = {course.slug: (course, *counts) for course, *counts in totals}
    return await render_board(context, "teach.html", query, courses=courses, days=DAYS)


@router.get("/courses/{course_id}/board")
async def show_course_board(
    context: TeacherContext, course: LedCourse, query: RequestedBoard
) -> Response:
    """Return the board of a course."""
    return await render_board(context, "teach_board.html", query, course.slug, course=course)


@router.get("/admin")
async def show_home(context: ViewerContext) -> Response:  # noqa: ARG001 - asks to sign in
    """Redirect to the board."""
    return seen_other("/admin/board")


@router.get("/admin/board")
async def show_board(context: ViewerContext, query: RequestedBoard) -> Response:
    """Return the board of all datasets."""
    return await render_board(context, "admin_board.html", query)
