"""Examples: what a course's model learns from: look through, find, add, change, remove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from merlin.api.pages.components import ProofView, next_href, proof_view
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.forms import REFUSALS, Mark, refusal_text
from merlin.api.pages.page import PATTERN, PageRequest, Teaching, course_led, mark, render_page
from merlin.api.pages.teach.changes import Clash, clashes
from merlin.api.rest.examples import ExampleBody
from merlin.api.schema import USUAL, Id, Page, Sought, cursor, page_of, read_cursor
from merlin.app import changes, examples
from merlin.app.changes import EditNotGood, StaleEdit
from merlin.app.examples import ExampleView
from merlin.core.errors import NotFound
from merlin.core.web.assets import seen_other
from merlin.course.catalogue import Course

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# Letters of a question that a list shows.
_SHORT = 300
ExampleId = Annotated[str, Query(min_length=1, max_length=200)]


class ExampleForm(BaseModel):
    """An example as its form says it; `example` "" for a new one."""

    example: str = Field(default="", max_length=200)
    question: str = Field(default="", max_length=100_000)
    answer: str = Field(default="", max_length=100_000)
    tags: str = Field(default="", max_length=5_000)
    revision: str = ""
    act: Literal["check", "save"] = "check"
    once: str = Field(default_factory=mark, pattern=PATTERN)

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


@dataclass(frozen=True, slots=True)
class ExampleRow:
    """One example in the list; `is_broken`: it cannot be read."""

    href: str
    question: str
    answer: str
    tags: tuple[str, ...]
    example_id: str
    is_broken: bool


@dataclass(frozen=True, slots=True)
class ExamplesView:
    """The list."""

    course_id: int
    title: str
    query: str
    rows: tuple[ExampleRow, ...]
    next_href: str


@dataclass(frozen=True, slots=True)
class ExamplePage:
    """The form of one example; `clashes` are what another wrote meanwhile, None: nobody did."""

    course_id: int
    title: str
    form: ExampleForm
    wrong: str
    proof: ProofView | None
    clashes: tuple[Clash, ...] | None
    href: str


@router.get("/courses/{course_id}/examples")
async def show_examples(
    visit: Teaching,
    course_id: Id,
    page: Annotated[Page, Depends(page_of)],
    query: Sought = "",
) -> Response:
    """Return one part of a course's examples, or those that say some words."""
    course = await course_led(visit, course_id)
    limit, after = page.limit or USUAL, read_cursor(page.cursor, str)
    ctx, actor, before = visit.context, visit.caller.actor, str(after[0]) if after else ""
    if query.strip():
        found = await ctx.read(examples.find, actor, query, course.dataset, limit=limit)
    else:
        found = await ctx.read(
            examples.recent, actor, course.dataset, limit=limit + 1, after=before
        )
    has_more = len(found) > limit
    view = ExamplesView(
        course_id=course_id,
        title=course.title(visit.language),
        query=query,
        rows=tuple(_row(course, each) for each in found[:limit]),
        next_href=next_href(visit, cursor(found[limit - 1].id) if has_more else ""),
    )
    return render_page(visit, "teach_examples.html", v=view)


@router.get("/courses/{course_id}/examples/new")
async def new_example(visit: Teaching, course_id: Id) -> Response:
    """Return an empty form."""
    course = await course_led(visit, course_id)
    return _page(visit, course, ExampleForm())


@router.post("/courses/{course_id}/examples/new")
async def begin_example(
    visit: Teaching, course_id: Id, question: Annotated[str, Form(max_length=100_000)] = ""
) -> Response:
    """Return a form with a question that somebody asked; it stands in no address and no log."""
    course = await course_led(visit, course_id)
    return _page(visit, course, ExampleForm(question=_plain(question)))


@router.get("/courses/{course_id}/examples/one")
async def show_example(visit: Teaching, course_id: Id, example: ExampleId) -> Response:
    """Return the form of one example."""
    course = await course_led(visit, course_id)
    form = await _lying(visit, course, example)
    wrong = "" if form.question else visit.say("example-broken")
    return _page(visit, course, form, wrong)


@router.post("/courses/{course_id}/examples")
async def save_example(
    visit: Teaching, course_id: Id, form: Annotated[ExampleForm, Form()]
) -> Response:
    """Check an example, or ask for the commit that adds or changes it."""
    course = await course_led(visit, course_id)
    if not form.is_whole:
        return _page(visit, course, form, visit.say("needs-both"))
    try:
        return await _saved(visit, course, form)
    except NotFound:
        # Removed by somebody meanwhile: the same words make a new one.
        anew = form.model_copy(update={"example": "", "revision": ""})
        return _page(visit, course, anew, visit.say("gone-example"))
    except REFUSALS as error:
        return _page(visit, course, form, refusal_text(visit, error))


async def _saved(visit: PageRequest, course: Course, form: ExampleForm) -> Response:
    ctx, actor, words = visit.context, visit.caller.actor, form.words()
    make = examples.make_addition(words)
    if form.example:
        make = examples.make_rewording(form.example, words, form.revision)
    try:
        if form.act == "check":
            seen = await changes.preview(ctx, actor, course.dataset, make)
            return _page(visit, course, form, proof=proof_view(visit, seen))
        # Of a form that is sent again with other words another change comes.
        done = await changes.submit(ctx, actor, course.dataset, make, form.model_dump_json())
    except StaleEdit:
        return _clashing(visit, course, form, await _lying(visit, course, form.example))
    except EditNotGood as error:
        return _page(visit, course, form, visit.say("not-good"), proof_view(visit, error.preview))
    return seen_other(f"/changes/{done.id}")


@router.post("/courses/{course_id}/examples/remove")
async def remove_example(
    visit: Teaching,
    course_id: Id,
    once: Mark,
    example: Annotated[str, Form(min_length=1, max_length=200)],
    revision: Annotated[str, Form(max_length=80)],
) -> Response:
    """Ask for a commit without the example; its page offers the way back."""
    course = await course_led(visit, course_id)
    make, actor = examples.make_removal(example, revision), visit.caller.actor
    proof = None
    try:
        done = await changes.submit(visit.context, actor, course.dataset, make, f"{once} {example}")
    except StaleEdit:
        wrong = visit.say("stale-removal")
    except EditNotGood as error:
        wrong, proof = visit.say("not-good"), proof_view(visit, error.preview)
    except REFUSALS as error:
        wrong = refusal_text(visit, error)
    else:
        return seen_other(f"/changes/{done.id}")
    return _page(visit, course, await _lying(visit, course, example), wrong, proof)


async def _lying(visit: PageRequest, course: Course, example: str) -> ExampleForm:
    """Return an example as it lies there. Raises NotFound."""
    seen = await visit.context.read(examples.get, visit.caller.actor, course.dataset, example)
    return ExampleForm(
        example=seen.id,
        question=seen.question or "",
        answer=seen.answer or "",
        tags=", ".join(seen.tags),
        revision=seen.revision,
    )


def _clashing(
    visit: PageRequest, course: Course, form: ExampleForm, theirs: ExampleForm
) -> Response:
    """Return the form with what lies there instead; who saves now has seen that."""
    seen = form.model_copy(update={"revision": theirs.revision})
    told = clashes(form.fields(visit), theirs.fields(visit))
    return _page(visit, course, seen, visit.say("stale-example"), told=told)


def _page(
    visit: PageRequest,
    course: Course,
    form: ExampleForm,
    wrong: str = "",
    proof: ProofView | None = None,
    *,
    told: tuple[Clash, ...] | None = None,
) -> Response:
    view = ExamplePage(
        course_id=course.course_id,
        title=course.title(visit.language),
        form=form,
        wrong=wrong,
        proof=proof,
        clashes=told,
        href=_href(course, form.example) if form.example else "",
    )
    return render_page(visit, "teach_example.html", v=view, status=422 if wrong else 200)


def _row(course: Course, told: ExampleView) -> ExampleRow:
    return ExampleRow(
        href=_href(course, told.id),
        question=(told.question or "")[:_SHORT],
        answer=(told.answer or "")[:_SHORT],
        tags=tuple(told.tags),
        example_id=told.id,
        is_broken=told.question is None,
    )


def _href(course: Course, example: str) -> str:
    return f"/courses/{course.course_id}/examples/one?{urlencode({'example': example})}"


def _plain(words: str) -> str:
    """Return what was typed with plain line ends; browsers send others."""
    return words.replace("\r\n", "\n").strip()
