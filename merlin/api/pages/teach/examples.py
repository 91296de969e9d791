"""Examples of a dataset: browse, search, edit in place.

    a row -> its form in place -> Save: one commit

Every list and every open example has its own address, and no script is required.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, Form, Query
from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.page import TeacherContext, render_page
from merlin.api.pages.teach.changes import Noted, find_noted_change
from merlin.api.pages.teach.edit_form import (
    EditedDataset,
    EditForm,
    FormResult,
    base_of,
    submit_form,
)
from merlin.api.rest.changes import ExampleBody
from merlin.api.schema import LINE, Name, Part
from merlin.app import changes, examples, near
from merlin.app.changes import ChangeView, DatasetFiles, Make, StaleEdit
from merlin.app.examples import ExampleContent, ExampleView
from merlin.app.near import NearExample
from merlin.core.errors import NotFound, Refused
from merlin.core.web.assets import seen_other
from merlin.course.editing import CourseEdits
from merlin.dataset.entries import ExampleFilter, FileText
from merlin.dataset.example import join_tags, split_tags
from merlin.dataset.example_file import read_example
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.layout import example_path
from merlin.dataset.yaml_io import read_yaml

router = page_router()

ExampleId = Annotated[str, Query(min_length=1, max_length=1000, pattern=LINE)]


# The script of the page asks for no more.
_MAX_ROWS = 1000


class ExampleForm(EditForm):
    """The form of an example; `example` is "" for a new one.

    `before_question` and `before_answer` are the turn before the question of a new example; `allow`
    is why personal data may be saved. `near` is what the editor says of the near examples with the
    paths `shown`: "other" question, "same PATH" answer, "replace PATH". `at` is the page to return
    to.
    """

    example: str = Field(default="", max_length=1000, pattern=LINE)
    question: str = Field(default="", max_length=100_000)
    answer: str = Field(default="", max_length=100_000)
    before_question: str = Field(default="", max_length=100_000)
    before_answer: str = Field(default="", max_length=100_000)
    tags: str = Field(default="", max_length=5_000)
    split: Literal["", "train", "test"] = ""
    allow: Literal["", "organisation", "agreed"] = ""
    near: str = Field(
        default="", max_length=1100, pattern="^(other|(same|replace) [^\\n]+)?$"
    )
    shown: list[str] = Field(default=[], max_length=10)
    at: Literal["examples", "unanswered"] = "examples"

    def content(self) -> ExampleContent:
        """Return the text of the example. Raises ValidationError."""
        body = ExampleBody(
            question=self.question.strip(),
            answer=examples.trim_answer(self.answer),
            tags=split_tags(self.tags),
        )
        before = self.before_question.strip(), self.before_answer.strip()
        return ExampleContent(
            body.question,
            body.answer,
            body.tags,
            split=self.split,
            before=before if all(before) else None,
        )

    @property
    def is_whole(self) -> bool:
        """Return whether all required fields are filled."""
        return bool(self.question.strip() and self.answer.strip())


class SeveralForm(EditForm):
    """The form that edits the selected rows at once; a row is "REVISION ID"."""

    act: Literal["tag", "untag", "auto", "train", "test", "remove"]
    row: list[str] = Field(default=[], max_length=_MAX_ROWS)
    tags: str = Field(default="", max_length=5_000)

    @property
    def revisions(self) -> dict[str, str]:
        """Return id -> revision of the selected rows."""
        rows = (row.partition(" ") for row in self.row)
        return {example_id: revision for revision, _, example_id in rows}

    def make(self, files: DatasetFiles) -> CourseEdits:
        """Return the edits. Raises as `examples.edit_several`, and Refused without a tag."""
        reword: Callable[[FileText], str | None]
        match self.act:
            case "remove":
                reword = examples.remove_file
            case "auto" | "train" | "test":
                reword = partial(examples.mark_split, self.act.removeprefix("auto"))
            case _:
                tags = split_tags(self.tags)
                if not tags:
                    raise Refused("no tag", "examples-no-tag")
                reword = partial(examples.retag, tags, is_added=self.act == "tag")
        return examples.edit_several(self.revisions, reword, files)


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of the list, and addresses of other lists."""

    path: str
    wanted: ExampleFilter

    def href(self, **changes: object) -> str:
        """Return the address of the list with these filters instead."""
        fields = asdict(self.wanted) | changes
        named = [
            (name, "any" if value is True else value) for name, value in fields.items()
        ]
        query = urlencode([(name, value) for name, value in named if value])
        return f"{self.path}?{query}" if query else self.path

    def toggle(self, name: str, value: object) -> str:
        """Return the address of the list with a filter set, or removed if it is set."""
        is_chosen = getattr(self.wanted, name) == value
        return self.href(**{name: type(value)() if is_chosen else value})

    def href_with(self, **more: str) -> str:
        """Return the address of this list with more parameters: its next part, an edit's state."""
        href = self.href()
        return f"{href}{'&' if '?' in href else '?'}{urlencode(more)}"

    def open_href(self, example_id: str) -> str:
        """Return the address of this list with one example open."""
        fields = [*parse_qsl(self.back), ("example", example_id)]
        return f"{self.path}/one?{urlencode(fields)}#open"

    def is_alone(self, name: str) -> bool:
        """Return whether no other filter is set; a search leaves the counts as they are."""
        default = getattr(ExampleFilter(), name)
        return replace(self.wanted, **{"query": "", name: default}).is_empty

    @property
    def new_href(self) -> str:
        """Return the address of this list with the form of a new example."""
        return f"{self.path}/new{'?' if self.back else ''}{self.back}"

    @property
    def back(self) -> str:
        """Return the query of this list's address, for forms that return here."""
        return self.href().partition("?")[2]

    @property
    def form_values(self) -> list[tuple[str, str]]:
        """Return the hidden fields of a form that searches within these filters."""
        return parse_qsl(self.href(query="").partition("?")[2])

    def list_chosen(self, say: Callable[..., str]) -> list[tuple[str, str]]:
        """Return the labels of the active filters, each with the address without it."""
        requested = self.wanted
        named = (
            ("split", requested.split and say(f"facet-{requested.split}")),
            ("finding", requested.finding and say("with-finding")),
            ("tag", requested.tag and f"#{requested.tag}"),
            ("author", requested.author),
        )
        return [
            (label, self.toggle(name, getattr(requested, name)))
            for name, label in named
            if label
        ]


async def filters_of(dataset: Name, request: Request) -> Filters:
    """Return the filters of the page's address, or of the list that a form was sent from."""
    if request.method == "POST":
        return _read_filters(
            dataset, parse_qsl(str((await request.form()).get("back", "")))
        )
    return _read_filters(dataset, request.query_params.multi_items())


def _read_filters(dataset: str, query: Iterable[tuple[str, str]]) -> Filters:
    """Return the filters of a query; invalid values are ignored."""
    values = {name: value[:200] for name, value in query if re.search(LINE, value)}
    split = values.get("split", "")
    example_filter = ExampleFilter(
        values.get("query", "").strip(),
        values.get("tag", ""),
        values.get("author", ""),
        split if split in ("train", "test") else "",
        values.get("finding") == "any",
    )
    return Filters(base_of(dataset), example_filter)


@dataclass(frozen=True, slots=True)
class ExampleList:
    """The requested part of a dataset's examples, as a page."""

    context: TeacherContext
    dataset: EditedDataset
    page: Part
    filters: Annotated[Filters, Depends(filters_of)]

    async def render(
        self,
        opened: ExampleForm | None = None,
        result: FormResult | None = None,
        *,
        changed: str = "",
        selected: SeveralForm | None = None,
    ) -> Response:
        """Return the page; `opened` is the form of the open example, `selected` of several rows."""
        context = self.context
        page = self.page
        filters = self.filters
        name = self.dataset.name
        result = result or FormResult()
        size = page.size
        before = page.after(0)
        # Before the list, which otherwise could miss an edit that the note calls indexed.
        note = await find_noted_change(context, changed)
        listed = await context.read(
            examples.browse,
            context.actor,
            name,
            filters.wanted,
            limit=size + 1,
            before=before,
        )
        rows = page.take_part(listed, lambda item: item.entry.number)
        view = {
            "dataset": self.dataset,
            "course": self.dataset.course,
            "filters": filters,
            "wanted": filters.wanted,
            "rows": rows,
            "facets": await context.read(examples.count_facets, context.actor, name),
            "is_whole": not before and not page.following,
            "next_href": page.following and filters.href_with(cursor=page.following),
            "opened": opened,
            "is_apart": opened is not None
            and opened.example not in {row.example.id for row in rows},
            "result": result,
            "selected": selected,
            "note": note,
        }
        status = 422 if result.wrong and not result.text else 200
        return render_page(context, "teach_examples.html", view, status=status)

    async def submit(self, form: ExampleForm, make: Make) -> Response:
        """Submit the commit of an edit; return the list, or the open form with what was wrong."""
        context = self.context
        name = self.dataset.name
        allow = form.allow and context.say(f"allow-{form.allow}-reason")

        async def theirs(error: StaleEdit) -> ExampleForm:
            file = FileText(
                name, example_path(form.example), error.revision, error.theirs
            )
            return _form(examples.view_of(file))

        result: ChangeView | FormResult
        try:
            result, form = await submit_form(
                context, name, make, form, theirs, "stale-example", allow
            )
        except NotFound:
            # Removed in the meantime: saving creates a new one.
            form = form.model_copy(update={"example": "", "revision": ""})
            result = FormResult(context.say("example-deleted"))
        if isinstance(result, FormResult):
            return await self.render(form, result)
        if form.at == "unanswered":
            return seen_other(f"{base_of(name, form.at)}?changed={result.id}")
        return seen_other(self.filters.href_with(changed=result.id))

    async def submit_several(self, form: SeveralForm) -> Response:
        """Submit the commit that edits the selected rows; return as `submit`."""
        stale = "stale-several"
        result: ChangeView | FormResult
        try:
            result, _ = await submit_form(
                self.context, self.dataset.name, form.make, form, None, stale
            )
        except NotFound:
            result = FormResult(self.context.say(stale))
        if isinstance(result, FormResult):
            return await self.render(
                result=replace(result, clashes=None), selected=form
            )
        return seen_other(self.filters.href_with(changed=result.id))


Listing = Annotated[ExampleList, Depends()]


@router.get("/datasets/{dataset}/examples")
async def show_examples(
    listing: Listing,
    changed: Noted = "",
    rows: Annotated[int, Query(ge=0, le=_MAX_ROWS)] = 0,
) -> Response:
    """Return one part of a dataset's examples, last changed first, or the matches.

    `rows` is how many a list has that refreshes itself, after "Show more" too.
    """
    listing.page.limit = max(rows, listing.page.size)
    return await listing.render(changed=changed)


@router.get("/datasets/{dataset}/examples/one")
async def show_example(listing: Listing, example: ExampleId) -> Response:
    """Return the list with one example open."""
    context = listing.context
    name = listing.dataset.name
    view = await context.read(examples.get, context.actor, name, example)
    if view.question is not None:
        return await listing.render(_form(view))
    content = (view.text or "").encode()
    _, findings = read_example(content)
    wrong = context.say("example-broken")
    if not isinstance(read_yaml(content), Finding):
        error = next(one for one in findings if one.severity is Severity.ERROR)
        wrong = context.say("example-wrong", error=error.text(context.language))
    result = FormResult(wrong, findings=findings, text=view.text or "")
    return await listing.render(_form(examples.recover(view)), result)


@router.get("/datasets/{dataset}/examples/new")
async def new_example(
    listing: Listing, like: Annotated[str, Query(max_length=1000, pattern=LINE)] = ""
) -> Response:
    """Return the list with an empty form, or with answer and tags of another example."""
    context = listing.context
    form = ExampleForm()
    if like:
        model = _form(
            await context.read(examples.get, context.actor, listing.dataset.name, like)
        )
        form = ExampleForm(answer=model.answer, tags=model.tags, split=model.split)
    return await listing.render(form)


@router.post("/datasets/{dataset}/examples/new")
async def begin_example(
    listing: Listing, question: Annotated[str, Form(max_length=100_000)] = ""
) -> Response:
    """Return a form with a user's question; sent by POST, so no address or log holds it."""
    return await listing.render(ExampleForm(question=question.strip()))


@router.post("/datasets/{dataset}/examples")
async def save_example(
    listing: Listing, form: Annotated[ExampleForm, Form()]
) -> Response:
    """Submit the commit of an edited or new example."""
    if not form.is_whole:
        result = FormResult(listing.context.say("needs-both"))
        return await listing.render(form, result)

    context = listing.context
    reason = context.say("contradiction-reason")

    def make(files: DatasetFiles) -> CourseEdits:
        act, _, path = form.near.partition(" ")
        content = form.content()
        if act == "same":
            content = replace(content, answer=near.read_answer(files, path))
        proposed = examples.save_example(form.example, content, form.revision, files)
        if act == "replace":
            return near.replace_answer(files, proposed, near.read_answer(files, path))
        return (
            near.mark_other(files, proposed, form.shown, reason)
            if act == "other"
            else proposed
        )

    if not form.near and (found := await _find_near(listing, form)):
        result = FormResult(context.say("near-ask", count=len(found)), near=found)
        return await listing.render(form, result)
    return await listing.submit(form, make)


async def _find_near(listing: Listing, form: ExampleForm) -> Sequence[NearExample]:
    """Return the examples that may ask what the form asks."""
    context = listing.context
    files = await context.read(changes.read_files, context.actor, listing.dataset.name)
    try:
        text = examples.write_new_example(form.content())
    except ValidationError:
        return ()  # saving says what is wrong
    path = form.example and example_path(form.example)
    return await asyncio.to_thread(near.find_near, context.services, files, text, path)


@router.post("/datasets/{dataset}/examples/remove")
async def remove_example(
    listing: Listing, form: Annotated[ExampleForm, Form()]
) -> Response:
    """Submit a commit without the example."""
    revisions = {form.example: form.revision}
    return await listing.submit(
        form, partial(examples.edit_several, revisions, examples.remove_file)
    )


@router.post("/datasets/{dataset}/examples/several")
async def edit_several(
    listing: Listing, form: Annotated[SeveralForm, Form()]
) -> Response:
    """Submit one commit that gives the selected examples a tag or a split, or removes them."""
    return await listing.submit_several(form)


def _form(view: ExampleView) -> ExampleForm:
    """Return the form of an example."""
    return ExampleForm(
        example=view.id,
        question=view.question or "",
        answer=view.answer or "",
        tags=join_tags(view.tags),
        split="test"
        if view.split == "test"
        else "train"
        if view.split == "train"
        else "",
        revision=view.revision,
    )
