"""The board on a page: cards in lanes, one commit's story below its row; asked for anew by htmx.

What the page shows has a tag; a script that asks once a second brings the tag it has seen, and is
sent nothing while nothing changed.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Annotated, Literal

from fastapi import Depends, Query
from starlette.responses import Response

from merlin.api.pages.admin.evaluation import evaluation_href
from merlin.api.pages.admin.jobs import curve_view
from merlin.api.pages.page import PageRequest, render_fragment, render_page
from merlin.app.board import Board, CommitDetails, Stage, read_board, read_commit
from merlin.core.charts import Curve, plot_curve

Shown = Literal["all", "care", "moving"]


class BoardQuery:
    """What of the board is asked for; `seen`: the tag of what a script has, None for a page."""

    def __init__(
        self,
        show: Shown = "all",
        commit: Annotated[str, Query(pattern="^([0-9a-f]{4,64})?$")] = "",
        seen: Annotated[str | None, Query(max_length=80)] = None,
    ) -> None:
        self.show, self.commit, self.seen = show, commit, seen


Asked = Annotated[BoardQuery, Depends()]


async def show_board(
    visit: PageRequest, template: str, asked: BoardQuery, dataset: str = "", **more: object
) -> Response:
    """Return the page, or for a script its board, of one dataset or ("") of all.

    `more` is what its template shows beside the board.
    """
    board = await visit.read(read_board, dataset)
    opened: list[CommitDetails] = []
    if asked.commit:
        opened = await visit.read(partial(read_commit, commit=asked.commit, dataset=dataset))
    shown = repr((board.rows, board.silent_since, opened)).encode("utf-8", "replace")
    tag = hashlib.sha256(shown).hexdigest()[:20]
    if asked.seen == tag:
        return Response(status_code=204)
    view = {
        "board": board,
        "lanes": list(Stage),
        "show": asked.show,
        "chosen": asked.commit,
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
    if asked.seen is not None:
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
