"""What people asked in vain: an editor answers it as a draft among the examples, or dismisses it.

a group -> its wordings, a form with the question -> a draft in the bar of the examples
        -> dismissed, and back
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import Teaching, render_page
from merlin.api.pages.teach.examples import EditedDataset, base_of
from merlin.app import unanswered
from merlin.app.unanswered import GroupState
from merlin.core.web.assets import seen_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

GroupMark = Annotated[str, Form(min_length=1, max_length=100, pattern="^[0-9a-f]+$")]


@router.get("/datasets/{dataset}/unanswered")
async def show_unanswered(
    visit: Teaching, dataset: EditedDataset, show: GroupState = GroupState.WAITING
) -> Response:
    """Return the questions of the last week in a state, newest first."""
    told = await visit.read(unanswered.list_unanswered, dataset.name, visit.language)
    view = {
        "dataset": dataset,
        "course": dataset.course,
        "base": _address(dataset.name),
        "examples_href": base_of(dataset.name),
        "told": told,
        "states": list(GroupState),
        "shown": show,
    }
    return render_page(visit, "teach_unanswered.html", view)


@router.post("/datasets/{dataset}/unanswered/dismiss")
async def dismiss(visit: Teaching, dataset: EditedDataset, mark: GroupMark) -> Response:
    """Take a group out of what waits."""
    await visit.write(unanswered.dismiss, dataset.name, mark)
    return seen_other(_address(dataset.name))


@router.post("/datasets/{dataset}/unanswered/restore")
async def restore(visit: Teaching, dataset: EditedDataset, mark: GroupMark) -> Response:
    """Let a dismissed group wait again."""
    await visit.write(unanswered.restore, dataset.name, mark)
    return seen_other(f"{_address(dataset.name)}?show={GroupState.DISMISSED}")


def _address(dataset: str) -> str:
    return f"/datasets/{quote(dataset, safe='')}/unanswered"
