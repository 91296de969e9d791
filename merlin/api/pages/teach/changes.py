"""A change on its way to a commit, and the ways back; what waits for an editor.

In a conflict both texts stand beside each other, those lines marked that the other has not got.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import (
    PATTERN,
    REFUSALS,
    LedCourse,
    Mark,
    PageRequest,
    Teaching,
    mark,
    nowhere,
    refusal_text,
    render_fragment,
    render_page,
)
from merlin.api.schema import MAX_ID, Hex, Name
from merlin.app import changes, examples, proposals, test_questions, unanswered
from merlin.app.answer_changes import AnswerChanges
from merlin.app.changes import ChangeView, EditNotGood, Make, PreviewView, StaleEdit
from merlin.app.examples import DatasetView
from merlin.app.requests import perform_once
from merlin.app.unanswered import GroupState
from merlin.core.errors import NotFound
from merlin.core.web.assets import seen_other
from merlin.course.catalogue import Catalogue, Course
from merlin.dataset.finding import Finding

# A field of a form: what it is called, what you wrote, what another did.
Clashes = Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a form led to, besides a change: why it was refused, in words and by `findings`.

    `proof` is what the checker says of an edit, `answers` what would be answered otherwise;
    `clashes` None: nobody else changed the same meanwhile.
    """

    wrong: str = ""
    proof: PreviewView | None = None
    clashes: Clashes | None = None
    findings: Sequence[Finding] = ()
    answers: AnswerChanges | None = None


class EditForm(BaseModel):
    """A form that edits what lies in a dataset; `revision` is what its editor saw there."""

    revision: str = ""
    once: str = Field(default_factory=mark, pattern=PATTERN)

    @abstractmethod
    def fields(self, visit: PageRequest) -> dict[str, str]:
        """Return what each field says, by its name in the person's language."""


F = TypeVar("F", bound=EditForm)


async def edit_form(
    visit: PageRequest,
    dataset: str,
    make_of: Callable[[], Make],
    form: F,
    read_theirs: Callable[[], Awaitable[F]],
    stale: str,
    *,
    is_check: bool = False,
) -> tuple[ChangeView | Outcome, F]:
    """Check what a form says, or ask for its commit; return the form for the next try, too.

    `read_theirs` reads what lies there, which is shown with the text `stale` where another edited
    it meanwhile. Raises NotFound where it is gone.
    """
    # Of a form that is sent again with other words another change comes.
    once = form.model_dump_json()
    try:
        return await edit(visit, dataset, make_of, once, is_check=is_check), form
    except StaleEdit:
        theirs = await read_theirs()
    lying = theirs.fields(visit)
    differ = [(title, text, lying[title]) for title, text in form.fields(visit).items()]
    clashes = [each for each in differ if each[1] != each[2]]
    # Who saves now has seen what lies there.
    form = form.model_copy(update={"revision": theirs.revision})
    return Outcome(visit.say(stale), clashes=clashes), form


async def edit(
    visit: PageRequest,
    dataset: str,
    make_of: Callable[[], Make],
    once: str,
    stale: str = "",
    *,
    is_check: bool = False,
) -> ChangeView | Outcome:
    """Check an edit, or ask for its commit; of the same `once` the same change comes.

    Where another edited the same meanwhile the text `stale` says so, without one StaleEdit is
    raised. Raises NotFound where it is gone.
    """
    ctx, actor = visit.services, visit.actor
    try:
        if is_check:
            return Outcome(proof=await changes.preview(ctx, actor, dataset, make_of()))
        return await changes.submit(ctx, actor, dataset, make_of(), once)
    except EditNotGood as error:
        return Outcome(visit.say("not-good"), error.preview)
    except StaleEdit:
        if not stale:
            raise
        return Outcome(visit.say(stale))
    except REFUSALS as error:
        return Outcome(refusal_text(visit, error))


router = APIRouter(route_class=PageRoute, include_in_schema=False)

Noted = Annotated[str, Query(pattern="^([0-9a-f]{32})?$")]


@router.get("/changes/{change_id}")
async def show_change(visit: Teaching, change_id: Hex) -> Response:
    """Return the page of a change."""
    return await _page(visit, change_id)


@router.get("/changes/{change_id}/live")
async def show_live(
    visit: Teaching, change_id: Hex, seen: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """Return the change as it is now; nothing where it is as it was."""
    view = await _view(visit, change_id)
    if view["seen"] == seen:
        return Response(status_code=204)
    return render_fragment(visit, "change_part.html", view)


@router.get("/changes/{change_id}/note")
async def show_note(visit: Teaching, change_id: Hex) -> Response:
    """Return the line that tells how far an edit is."""
    change = await noted_change(visit, change_id)
    if change is None:
        raise nowhere()
    return render_fragment(visit, "note_part.html", {"note": change})


@router.post("/changes/{change_id}/again")
async def solve_change(
    visit: Teaching, change_id: Hex, once: Mark, take: Annotated[Literal["mine", "theirs"], Form()]
) -> Response:
    """Solve a conflict: my text over theirs, or theirs."""
    return await _act(visit, change_id, once, changes.solve, take=take)


@router.post("/changes/{change_id}/retry")
async def retry_change(visit: Teaching, change_id: Hex, once: Mark) -> Response:
    """Let an edit that the repository refused be tried again."""
    return await _act(visit, change_id, once, changes.retry)


@router.post("/changes/{change_id}/drop")
async def drop_change(visit: Teaching, change_id: Hex, once: Mark) -> Response:
    """Take an edit back before it is a commit."""
    return await _act(visit, change_id, once, changes.drop)


@router.post("/changes/{change_id}/undo")
async def undo_change(visit: Teaching, change_id: Hex, once: Mark) -> Response:
    """Ask for a commit that takes this one back, and lead to its page."""
    try:
        dataset, make = await visit.read(changes.make_undo, change_id)
        done = await changes.submit(visit.services, visit.actor, dataset, make, once)
    except REFUSALS as error:
        return await _page(visit, change_id, refusal_text(visit, error))
    return seen_other(f"/changes/{done.id}")


async def _act(
    visit: PageRequest, change_id: str, once: str, act: Callable[..., object], **named: str
) -> Response:
    try:
        await visit.write(perform_once, once, act, change_id, **named)
    except REFUSALS as error:
        return await _page(visit, change_id, refusal_text(visit, error))
    return seen_other(f"/changes/{change_id}")


async def noted_change(visit: PageRequest, change_id: str) -> ChangeView | None:
    """Return an edit whose way a line tells, None for none that the person may see."""
    with suppress(NotFound):
        return await visit.read(changes.get, change_id) if change_id else None
    return None


async def _page(visit: PageRequest, change_id: str, wrong: str = "") -> Response:
    view = {**await _view(visit, change_id), "wrong_words": wrong}
    return render_page(visit, "change.html", view, status=409 if wrong else 200)


async def _view(visit: PageRequest, change_id: str) -> dict[str, object]:
    """Return a change, why it waits or was refused, and what differs once it goes on."""
    change = await visit.read(changes.get, change_id)
    reason, course = change.why(visit.language), None
    with suppress(NotFound):
        course = await visit.services.read(lambda ctx: Catalogue(ctx.db).course(change.dataset))
    seen = f"{change.state.value}.{len(reason)}"
    return {"change": change, "reason": reason, "seen": seen, "course": course}


_AT_ONCE = 50
Number = Annotated[int, Field(ge=1, le=MAX_ID)]


@router.get("/courses/{course_id}/proposals")
async def show_proposals(visit: Teaching, course: LedCourse, *, marked: bool = False) -> Response:
    """Return the oldest of the proposed examples that wait for an editor; `marked`: all chosen."""
    return await _proposals(visit, course, marked=marked)


@router.post("/courses/{course_id}/proposals")
async def judge_proposals(
    visit: Teaching,
    course: LedCourse,
    act: Annotated[Literal["approve", "decline"], Form()],
    proposal: Annotated[list[Number] | None, Form(max_length=_AT_ONCE)] = None,
) -> Response:
    """Approve those that were marked, by one commit, or decline them."""
    requested = proposal or []
    try:
        if act == "decline":
            await visit.write(proposals.decline_several, requested)
            return seen_other(f"/courses/{course.course_id}/proposals")
        files, edits = await visit.read(proposals.read_several, course.dataset, requested)
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


async def edited_dataset(visit: Teaching, dataset: Name) -> DatasetView:
    """Return a dataset of which the person may edit the examples. Raises NotFound."""
    return await visit.read(examples.get_dataset, dataset)


EditedDataset = Annotated[DatasetView, Depends(edited_dataset)]


def base_of(dataset: str) -> str:
    """Return the address of a dataset's examples."""
    return f"/datasets/{quote(dataset, safe='')}/examples"


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
