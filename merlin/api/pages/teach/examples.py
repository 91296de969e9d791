"""Examples: what a dataset's model learns from: look through, find, add, change, remove."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Form, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.pages.components import next_href
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import LedCourse, Mark, PageRequest, Teaching, render_page
from merlin.api.pages.teach.changes import EditForm, Outcome, edit, edit_form
from merlin.api.rest.examples import ExampleBody
from merlin.api.schema import Name, Part, Sought
from merlin.app import examples
from merlin.app.changes import ChangeView, Make
from merlin.app.examples import DatasetView, ExampleFilter
from merlin.core.errors import NotFound
from merlin.core.web.assets import seen_other

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


async def edited_dataset(visit: Teaching, dataset: Name) -> DatasetView:
    """Return a dataset of which the person may edit the examples. Raises NotFound."""
    return await visit.read(examples.get_dataset, dataset)


EditedDataset = Annotated[DatasetView, Depends(edited_dataset)]


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed down to, and the addresses of other lists."""

    path: str
    wanted: ExampleFilter

    def href(self, **changes: object) -> str:
        """Return the address of the list that is narrowed down by these instead."""
        said = asdict(self.wanted) | changes
        named = [(_NAMES[name], "any" if value is True else value) for name, value in said.items()]
        kept = urlencode([(name, value) for name, value in named if value])
        return f"{self.path}?{kept}" if kept else self.path

    def toggle(self, name: str, value: object) -> str:
        """Return the address of the list narrowed down by a value; without it where it is so."""
        is_chosen = getattr(self.wanted, name) == value
        return self.href(**{name: type(value)() if is_chosen else value})

    @property
    def kept(self) -> list[tuple[str, str]]:
        """Return names and values of a form that seeks within what is narrowed down."""
        return parse_qsl(self.href(query="").partition("?")[2])

    def chosen(self, say: Callable[..., str]) -> list[tuple[str, str]]:
        """Return what is chosen in the person's language, with the address of the list without."""
        wanted = self.wanted
        named = (
            ("split", wanted.split and say(f"facet-{wanted.split}")),
            ("has_finding", wanted.has_finding and say("with-finding")),
            ("tag", wanted.tag and f"#{wanted.tag}"),
            ("author", wanted.author),
        )
        return [(words, self.toggle(name, getattr(wanted, name))) for name, words in named if words]


# How the address calls what an `ExampleFilter` holds.
_NAMES = {
    "query": "query",
    "tag": "tag",
    "author": "author",
    "split": "split",
    "has_finding": "finding",
}
Narrow = Annotated[str, Query(max_length=200)]


async def filters_of(
    request: Request,
    query: Sought = "",
    tag: Narrow = "",
    author: Narrow = "",
    split: Literal["", "train", "test"] = "",
    finding: Literal["", "any"] = "",
) -> Filters:
    """Return what the address narrows the list down to."""
    wanted = ExampleFilter(query.strip(), tag, author, split, finding == "any")
    return Filters(request.scope["path"], wanted)


@router.get("/datasets/{dataset}/examples")
async def show_examples(
    visit: Teaching,
    dataset: EditedDataset,
    page: Part,
    filters: Annotated[Filters, Depends(filters_of)],
) -> Response:
    """Return one part of a dataset's examples, newest change first, or those that are wanted."""
    size, before = page.size, page.after(0)
    found = await visit.read(
        examples.browse, dataset.name, filters.wanted, limit=size + 1, before=before
    )
    shown = page.cut(found, lambda each: each.number)
    view = {
        "dataset": dataset,
        "course": dataset.course,
        "filters": filters,
        "wanted": filters.wanted,
        "examples": shown,
        "facets": await visit.read(examples.count_facets, dataset.name),
        "is_whole": not before and not page.following,
        "next_href": next_href(page),
    }
    return render_page(visit, "teach_examples.html", view)


@router.get("/courses/{course_id}/examples")
@router.get("/courses/{course_id}/examples/new")
@router.get("/courses/{course_id}/examples/one")
async def show_moved(visit: Teaching, course: LedCourse) -> Response:
    """Lead from where the examples of a course stood before datasets had pages of their own."""
    _, _, rest = visit.here.partition("/examples")
    return seen_other(f"/datasets/{course.dataset}/examples{rest}")


@router.get("/datasets/{dataset}/examples/new")
async def new_example(visit: Teaching, dataset: EditedDataset) -> Response:
    """Return an empty form."""
    return _page(visit, dataset, ExampleForm())


@router.post("/datasets/{dataset}/examples/new")
async def begin_example(
    visit: Teaching, dataset: EditedDataset, question: Annotated[str, Form(max_length=100_000)] = ""
) -> Response:
    """Return a form with a question that somebody asked; it stands in no address and no log."""
    return _page(visit, dataset, ExampleForm(question=_plain(question)))


@router.get("/datasets/{dataset}/examples/one")
async def show_example(visit: Teaching, dataset: EditedDataset, example: ExampleId) -> Response:
    """Return the form of one example."""
    form = await _lying(visit, dataset, example)
    wrong = "" if form.question else visit.say("example-broken")
    return _page(visit, dataset, form, Outcome(wrong))


@router.post("/datasets/{dataset}/examples")
async def save_example(
    visit: Teaching, dataset: EditedDataset, form: Annotated[ExampleForm, Form()]
) -> Response:
    """Check an example, or ask for the commit that adds or changes it."""
    if not form.is_whole:
        return _page(visit, dataset, form, Outcome(visit.say("needs-both")))

    def make() -> Make:
        words = form.words()
        if not form.example:
            return partial(examples.add_example, examples.write_words(words))
        return partial(examples.edit_example, form.example, words, form.revision)

    is_check, theirs = form.act == "check", partial(_lying, visit, dataset, form.example)
    came: ChangeView | Outcome
    try:
        came, form = await edit_form(
            visit, dataset.name, make, form, theirs, "stale-example", is_check=is_check
        )
    except NotFound:
        # Removed by somebody meanwhile: the same words make a new one.
        form = form.model_copy(update={"example": "", "revision": ""})
        came = Outcome(visit.say("gone-example"))
    if isinstance(came, Outcome):
        return _page(visit, dataset, form, came)
    return seen_other(f"/changes/{came.id}")


@router.post("/datasets/{dataset}/examples/remove")
async def remove_example(
    visit: Teaching,
    dataset: EditedDataset,
    once: Mark,
    example: Annotated[str, Form(min_length=1, max_length=200)],
    revision: Annotated[str, Form(max_length=80)],
) -> Response:
    """Ask for a commit without the example; its page offers the way back."""
    make = partial(examples.remove_example, example, revision)
    once = f"{once} {example}"
    came = await edit(visit, dataset.name, lambda: make, once, "stale-removal")
    if isinstance(came, Outcome):
        return _page(visit, dataset, await _lying(visit, dataset, example), came)
    return seen_other(f"/changes/{came.id}")


async def _lying(visit: PageRequest, dataset: DatasetView, example: str) -> ExampleForm:
    """Return an example as it lies there. Raises NotFound."""
    seen = await visit.read(examples.get, dataset.name, example)
    return ExampleForm(
        example=seen.id,
        question=seen.question or "",
        answer=seen.answer or "",
        tags=", ".join(seen.tags),
        revision=seen.revision,
    )


def _page(
    visit: PageRequest, dataset: DatasetView, form: ExampleForm, came: Outcome | None = None
) -> Response:
    came = came or Outcome()
    view = {"dataset": dataset, "course": dataset.course, "form": form, "came": came}
    return render_page(visit, "teach_example.html", view, status=422 if came.wrong else 200)


def _plain(words: str) -> str:
    """Return what was typed with plain line ends; browsers send others."""
    return words.replace("\r\n", "\n").strip()
