"""What waits for an editor: proposed examples, judged several at once, and what was asked in vain.

a group of questions -> its wordings, a form with the question -> a draft in the bar of the examples
                     -> dismissed, and back
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form
from pydantic import BaseModel, Field
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import (
    REFUSALS,
    LedCourse,
    PageRequest,
    Teaching,
    refusal_text,
    render_page,
)
from merlin.api.pages.teach.examples import EditedDataset, base_of
from merlin.app import proposals, test_questions, unanswered
from merlin.app.unanswered import GroupState
from merlin.core.web.assets import seen_other
from merlin.course.catalogue import Course

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_AT_ONCE = 50


class JudgeForm(BaseModel):
    """Proposals that were marked, and what is to become of them."""

    act: Literal["approve", "decline"]
    proposal: list[int] = Field(default=[], max_length=_AT_ONCE)


@router.get("/courses/{course_id}/proposals")
async def show_proposals(visit: Teaching, course: LedCourse, *, marked: bool = False) -> Response:
    """Return the oldest of the proposed examples that wait for an editor; `marked`: all chosen."""
    return await _proposals(visit, course, marked=marked)


@router.post("/courses/{course_id}/proposals")
async def judge_proposals(
    visit: Teaching, course: LedCourse, form: Annotated[JudgeForm, Form()]
) -> Response:
    """Approve those that were marked, by one commit, or decline them."""
    try:
        if form.act == "decline":
            await visit.write(proposals.decline_several, form.proposal)
            return seen_other(f"/courses/{course.course_id}/proposals")
        wanted = form.proposal
        files, edits = await visit.read(proposals.read_several, course.dataset, wanted)
        good = await asyncio.to_thread(proposals.check_several, visit.services, files, edits)
        change = await visit.write(proposals.approve_several, good)
    except REFUSALS as error:
        return await _proposals(visit, course, refusal_text(visit, error))
    return seen_other(f"/changes/{change}")


@router.post("/courses/{course_id}/proposals/tests")
async def propose_tests(visit: Teaching, course: LedCourse) -> Response:
    """Propose test questions from liked answers, where the course has few."""
    name = course.dataset
    liked = await visit.read(test_questions.find_liked, name, visit.language)
    if await visit.write(test_questions.propose_liked, name, liked):
        return seen_other(f"/courses/{course.course_id}/proposals")
    return await _proposals(visit, course, visit.say("tests-none"))


async def _proposals(
    visit: PageRequest, course: Course, wrong: str = "", *, marked: bool = False
) -> Response:
    found = await visit.read(proposals.waiting, 0, _AT_ONCE, course.dataset)
    replaced = await visit.read(proposals.find_replacements, found)
    tests = await visit.read(test_questions.count_test_questions, course.dataset)
    view = {"course": course, "proposals": found, "wrong_words": wrong, "marked": marked}
    view |= {"tests": tests, "replaced": replaced}
    return render_page(visit, "teach_proposals.html", view, status=409 if wrong else 200)


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
