"""Questions that the model left unanswered, for the editors of their dataset."""

from typing import Annotated, Literal

from fastapi import Form, Query
from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.page import TeacherContext, render_page
from merlin.api.pages.teach.changes import Noted, find_noted_change
from merlin.api.pages.teach.edit_form import EditedDataset, base_of
from merlin.api.schema import MAX_ID
from merlin.app import unanswered
from merlin.core.web.assets import seen_other

router = page_router()


@router.get("/datasets/{dataset}/unanswered")
async def show_unanswered(
    context: TeacherContext,
    dataset: EditedDataset,
    changed: Noted = "",
    dismissed: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
) -> Response:
    """Return last week's unanswered questions, newest first, and the state of the last answer.

    `dismissed` is the turn of the question that was just taken off the list.
    """
    # Before what it is about, which otherwise could be older than the note says.
    note = await find_noted_change(context, changed)
    off = ""
    if dismissed:
        find = unanswered.find_dismissed
        where = dataset.name
        off = await context.read(
            find, context.actor, where, dismissed, context.language
        )
    questions = await context.read(
        unanswered.list_unanswered, context.actor, dataset.name, context.language
    )
    view = {
        "dataset": dataset,
        "course": dataset.course,
        "examples_href": base_of(dataset.name),
        "questions": questions,
        "dismissed": dismissed,
        "off": off,
        "note": note,
    }
    return render_page(context, "teach_unanswered.html", view)


@router.post("/datasets/{dataset}/unanswered")
async def dismiss_unanswered(
    context: TeacherContext,
    dataset: EditedDataset,
    turn: Annotated[int, Form(ge=1, le=MAX_ID)],
    act: Annotated[Literal["dismiss", "restore"], Form()] = "dismiss",
) -> Response:
    """List a question of no concern, and those like it, no more; or again."""
    base = base_of(dataset.name, "unanswered")
    if act == "restore":
        await context.write(unanswered.restore, context.actor, dataset.name, turn)
        return seen_other(base)
    await context.write(unanswered.dismiss, context.actor, dataset.name, turn)
    return seen_other(f"{base}?dismissed={turn}")
