"""Examples: what a course's model learns from: look through, find, add, change, remove.

Proposed ones wait beside them, and are judged several at once.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from merlin.api.pages.components import next_href
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import (
    REFUSALS,
    LedCourse,
    Mark,
    PageRequest,
    Teaching,
    refusal_text,
    render_page,
)
from merlin.api.pages.teach.changes import EditForm, Outcome, edit, edit_form
from merlin.api.rest.examples import ExampleBody, examples_part
from merlin.api.schema import Part, Sought
from merlin.app import examples, proposals
from merlin.app.changes import ChangeView, Make
from merlin.core.errors import NotFound
from merlin.core.web.assets import seen_other
from merlin.course.catalogue import Course

router = APIRouter(route_class=PageRoute, include_in_schema=False)

ExampleId = Annotated[str, Query(min_length=1, max_length=200)]


class ExampleForm(EditForm):
    """An example as its form says it; `example` "" for a new one."""

    example: str = Field(default="", max_length=200)
    question: str = Field(default="", max_length=100_000)
    answer: str = Field(default="", max_length=100_000)
    tags: str = Field(default="", max_length=5_000)
    act: Literal["check", "save"] = "check"

    def words(self) -> examples.ExampleWords:
        """Return what the example shall say. Raises ValidationError."""
        body = ExampleBody(
            question=_plain(self.question),
            answer=_plain(self.answer),
            tags=[each for each in map(str.strip, self.tags.split(",")) if each],
        )
        return body.words()

    @property
    def is_whole(self) -> bool:
        """Return whether nothing is missing."""
        return bool(self.question.strip() and self.answer.strip())

    def fields(self, visit: PageRequest) -> dict[str, str]:
        """Return what each field says, by its name in the person's language."""
        tags = ", ".join(each for each in map(str.strip, self.tags.split(",")) if each)
        return {
            visit.say("example-question"): _plain(self.question),
            visit.say("example-answer"): _plain(self.answer),
            visit.say("example-tags"): tags,
        }


@router.get("/courses/{course_id}/examples")
async def show_examples(
    visit: Teaching, course: LedCourse, page: Part, query: Sought = ""
) -> Response:
    """Return one part of a course's examples, or those that say some words."""
    found = await examples_part(visit, page, course.dataset, query)
    view = {"course": course, "query": query, "examples": found, "next_href": next_href(page)}
    return render_page(visit, "teach_examples.html", view)


@router.get("/courses/{course_id}/examples/new")
async def new_example(visit: Teaching, course: LedCourse) -> Response:
    """Return an empty form."""
    return _page(visit, course, ExampleForm())


@router.post("/courses/{course_id}/examples/new")
async def begin_example(
    visit: Teaching, course: LedCourse, question: Annotated[str, Form(max_length=100_000)] = ""
) -> Response:
    """Return a form with a question that somebody asked; it stands in no address and no log."""
    return _page(visit, course, ExampleForm(question=_plain(question)))


@router.get("/courses/{course_id}/examples/one")
async def show_example(visit: Teaching, course: LedCourse, example: ExampleId) -> Response:
    """Return the form of one example."""
    form = await _lying(visit, course, example)
    wrong = "" if form.question else visit.say("example-broken")
    return _page(visit, course, form, Outcome(wrong))


@router.post("/courses/{course_id}/examples")
async def save_example(
    visit: Teaching, course: LedCourse, form: Annotated[ExampleForm, Form()]
) -> Response:
    """Check an example, or ask for the commit that adds or changes it."""
    if not form.is_whole:
        return _page(visit, course, form, Outcome(visit.say("needs-both")))

    def make() -> Make:
        words = form.words()
        if not form.example:
            return partial(examples.add_example, examples.write_words(words))
        return partial(examples.edit_example, form.example, words, form.revision)

    is_check, theirs = form.act == "check", partial(_lying, visit, course, form.example)
    came: ChangeView | Outcome
    try:
        came, form = await edit_form(
            visit, course.dataset, make, form, theirs, "stale-example", is_check=is_check
        )
    except NotFound:
        # Removed by somebody meanwhile: the same words make a new one.
        form = form.model_copy(update={"example": "", "revision": ""})
        came = Outcome(visit.say("gone-example"))
    if isinstance(came, Outcome):
        return _page(visit, course, form, came)
    return seen_other(f"/changes/{came.id}")


@router.post("/courses/{course_id}/examples/remove")
async def remove_example(
    visit: Teaching,
    course: LedCourse,
    once: Mark,
    example: Annotated[str, Form(min_length=1, max_length=200)],
    revision: Annotated[str, Form(max_length=80)],
) -> Response:
    """Ask for a commit without the example; its page offers the way back."""
    make = partial(examples.remove_example, example, revision)
    once = f"{once} {example}"
    came = await edit(visit, course.dataset, lambda: make, once, "stale-removal")
    if isinstance(came, Outcome):
        return _page(visit, course, await _lying(visit, course, example), came)
    return seen_other(f"/changes/{came.id}")


_AT_ONCE = 50


class JudgeForm(BaseModel):
    """Proposals that were marked, and what is to become of them."""

    act: Literal["approve", "decline"]
    proposal: list[int] = Field(default=[], max_length=_AT_ONCE)


@router.get("/courses/{course_id}/proposals")
async def show_proposals(visit: Teaching, course: LedCourse) -> Response:
    """Return the oldest of the proposed examples that wait for an editor."""
    return await _proposals(visit, course)


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


async def _proposals(visit: PageRequest, course: Course, wrong: str = "") -> Response:
    found = await visit.read(proposals.waiting, 0, _AT_ONCE, course.dataset)
    view = {"course": course, "proposals": found, "wrong_words": wrong}
    return render_page(visit, "teach_proposals.html", view, status=409 if wrong else 200)


async def _lying(visit: PageRequest, course: Course, example: str) -> ExampleForm:
    """Return an example as it lies there. Raises NotFound."""
    seen = await visit.read(examples.get, course.dataset, example)
    return ExampleForm(
        example=seen.id,
        question=seen.question or "",
        answer=seen.answer or "",
        tags=", ".join(seen.tags),
        revision=seen.revision,
    )


def _page(
    visit: PageRequest, course: Course, form: ExampleForm, came: Outcome | None = None
) -> Response:
    came = came or Outcome()
    view = {"course": course, "form": form, "came": came}
    return render_page(visit, "teach_example.html", view, status=422 if came.wrong else 200)


def _plain(words: str) -> str:
    """Return what was typed with plain line ends; browsers send others."""
    return words.replace("\r\n", "\n").strip()
