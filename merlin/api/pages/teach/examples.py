"""Examples of a dataset: browse, search, edit in place, save together.

    a row -> its form in place -> Done: a draft in the bar -> Save: one commit of all drafts

Every list and every open example has its own address, and no script is required.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, File, Form, Query, UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.page import (
    PATTERN,
    REFUSALS,
    PageContext,
    TeacherContext,
    refusal_text,
    render_page,
)
from merlin.api.pages.teach.changes import (
    EditedDataset,
    FormResult,
    Noted,
    base_of,
    find_clashes,
    find_noted_change,
)
from merlin.api.rest.changes import ExampleBody
from merlin.api.schema import LINE, Name, Part
from merlin.app import drafts, examples, feedback
from merlin.app.changes import EditNotGood
from merlin.app.drafts import DraftNotGood, DraftView, PastedRow
from merlin.app.examples import ExampleContent, ExampleView, ListedExample
from merlin.chat.feedback import RatedAnswer
from merlin.core.errors import NotFound
from merlin.core.web.assets import seen_other
from merlin.dataset.builds import ExampleVersion
from merlin.dataset.drafts import read_pasted
from merlin.dataset.entries import ExampleFilter
from merlin.dataset.finding import Finding
from merlin.dataset.import_lines import ImportedLine
from merlin.dataset.layout import EXAMPLES, example_id_of

router = page_router()

ExampleId = Annotated[str, Query(min_length=1, max_length=1000, pattern=LINE)]


# The script of the page asks for no more.
_MAX_ROWS = 1000

# What of an open example is shown.
Look = Literal["edit", "history", "ratings"]

_NO_DRAFT = "-"  # an empty field reads as a missing one


class ExampleForm(BaseModel):
    """The form of an example; `example` is "" for a new one.

    `before_question` and `before_answer` are the turn before the question of a new example.
    `drafted` is the time of the draft that it shows, `_NO_DRAFT` without one, "" if unknown; `once`
    is the token of the save bar, which sends the open form along, `allow` why personal data may be
    saved.
    """

    example: str = Field(default="", max_length=1000, pattern=LINE)
    question: str = Field(default="", max_length=100_000)
    answer: str = Field(default="", max_length=100_000)
    before_question: str = Field(default="", max_length=100_000)
    before_answer: str = Field(default="", max_length=100_000)
    tags: str = Field(default="", max_length=5_000)
    split: Literal["", "train", "test"] = ""
    revision: str = Field(default="", max_length=80)
    drafted: str = Field(default="", max_length=80)
    once: str = Field(default="", pattern=f"{PATTERN}|^$")
    allow: Literal["", "organisation", "agreed"] = ""

    def content(self) -> ExampleContent:
        """Return the text of the example. Raises ValidationError."""
        body = ExampleBody(
            question=self.question.strip(),
            answer=examples.trim_answer(self.answer),
            tags=[tag for tag in map(str.strip, self.tags.split(",")) if tag],
        )
        before = self.before_question.strip(), self.before_answer.strip()
        return ExampleContent(
            body.question,
            body.answer,
            body.tags,
            split=self.split,
            before=before if all(before) else None,
        )

    def fields(self, context: PageContext) -> dict[str, str]:
        """Return the value of each field by its name in the person's language."""
        values = {"question": self.question, "answer": self.answer, "tags": self.tags}
        return {
            context.say(f"example-{name}"): value.replace("\r\n", "\n").strip()
            for name, value in values.items()
        }

    @property
    def is_whole(self) -> bool:
        """Return whether all required fields are filled."""
        return bool(self.question.strip() and self.answer.strip())


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of the list, and addresses of other lists."""

    path: str
    wanted: ExampleFilter

    def href(self, **changes: object) -> str:
        """Return the address of the list with these filters instead."""
        fields = asdict(self.wanted) | changes
        named = [
            (_NAMES[name], "any" if value is True else value) for name, value in fields.items()
        ]
        query = urlencode([(name, value) for name, value in named if value])
        return f"{self.path}?{query}" if query else self.path

    def toggle(self, name: str, value: object) -> str:
        """Return the address of the list with a filter set, or removed if it is set."""
        is_chosen = getattr(self.wanted, name) == value
        return self.href(**{name: type(value)() if is_chosen else value})

    def next_href(self, cursor: str) -> str:
        """Return the address of the next part of this list."""
        href = self.href()
        return f"{href}{'&' if '?' in href else '?'}{urlencode({'cursor': cursor})}"

    def open_href(self, example_id: str, **more: str) -> str:
        """Return the address of this list with one example open.

        `look` is what of it is shown, `beside` the id of another one that is open beside it.
        """
        fields = [*parse_qsl(self.back), ("example", example_id), *more.items()]
        return f"{self.path}/one?{urlencode(fields)}#open"

    def pair_href(self, finding: Finding) -> str:
        """Return the address with both examples of a finding open, "" if it is about one."""
        other = str(finding.arguments.get("other", ""))
        if not (finding.path.startswith(EXAMPLES) and other.startswith(EXAMPLES)):
            return ""
        return self.open_href(example_id_of(finding.path), beside=example_id_of(other))

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
            ("has_finding", requested.has_finding and say("with-finding")),
            ("is_disliked", requested.is_disliked and say("answer-disliked")),
            ("tag", requested.tag and f"#{requested.tag}"),
            ("author", requested.author),
        )
        return [
            (label, self.toggle(name, getattr(requested, name))) for name, label in named if label
        ]


# Query parameter of each field of `ExampleFilter`.
_NAMES = {
    "query": "query",
    "tag": "tag",
    "author": "author",
    "split": "split",
    "has_finding": "finding",
    "is_disliked": "disliked",
}


_BESIDE = "beside_"  # begins the names of its fields


async def beside_of(request: Request) -> ExampleForm | None:
    """Return the form of the example that is edited beside the first one, if there is one."""
    sent = (await request.form()).items() if request.method == "POST" else ()
    fields = {name.removeprefix(_BESIDE): text for name, text in sent if name.startswith(_BESIDE)}
    try:
        return ExampleForm.model_validate(fields) if fields else None
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


async def filters_of(dataset: Name, request: Request) -> Filters:
    """Return the filters of the page's address, or of the list that a form was sent from."""
    if request.method == "POST":
        return _read_filters(dataset, parse_qsl(str((await request.form()).get("back", ""))))
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
        values.get("disliked") == "any",
    )
    return Filters(base_of(dataset), example_filter)


@dataclass(frozen=True, slots=True)
class ListRow:
    """An example in the list: as stored, as a draft, or both."""

    example: ExampleView
    listed: ListedExample | None = None
    draft: DraftView | None = None


@dataclass(frozen=True, slots=True)
class OpenExample:
    """The open example: its form, its versions and its rated answers; `look` is what is shown.

    `beside` is the form of another one that is edited with it.
    """

    form: ExampleForm
    beside: ExampleForm | None = None
    versions: Sequence[ExampleVersion] = ()
    ratings: Sequence[RatedAnswer] = ()
    look: Look = "edit"

    @property
    def steps(self) -> list[tuple[ExampleVersion, ExampleVersion | None]]:
        """Return each version with the previous one, None for the first."""
        return list(zip_longest(self.versions, self.versions[1:]))


_MAX_NAME = 300  # a file system allows 255


@dataclass(frozen=True, slots=True)
class Paste:
    """A pasted table, or the examples of a `file` as text; `rows` is None before the check."""

    table: str = ""
    file: str = ""
    rows: Sequence[PastedRow] | None = None


@dataclass(frozen=True, slots=True)
class ExampleList:
    """The requested part of a dataset's examples, as a page."""

    context: TeacherContext
    dataset: EditedDataset
    page: Part
    filters: Annotated[Filters, Depends(filters_of)]
    beside: Annotated[ExampleForm | None, Depends(beside_of)]

    async def render(
        self,
        opened: OpenExample | None = None,
        result: FormResult | None = None,
        *,
        changed: str = "",
        paste: Paste | None = None,
    ) -> Response:
        """Return the page; `opened` is the open example."""
        context, page, filters, name = self.context, self.page, self.filters, self.dataset.name
        result = result or FormResult()
        size, before = page.size, page.after(0)
        # Before the list, which otherwise could miss an edit that the note calls indexed.
        note = await find_noted_change(context, changed)
        listed = await context.read(
            examples.browse, context.actor, name, filters.wanted, limit=size + 1, before=before
        )
        drafts_by_id = {
            draft.example.id: draft
            for draft in await context.read(drafts.list_drafts, context.actor, name)
        }
        rows = [
            ListRow(draft.example if draft else item.example, item, draft)
            for item in page.take_part(listed, lambda item: item.entry.number)
            for draft in [drafts_by_id.get(item.example.id)]
            if draft is None or not filters.wanted.is_empty
        ]
        if filters.wanted.is_empty and not before:
            drafted = (ListRow(draft.example, None, draft) for draft in drafts_by_id.values())
            rows = [*drafted, *rows]
        view = {
            "dataset": self.dataset,
            "course": self.dataset.course,
            "filters": filters,
            "wanted": filters.wanted,
            "rows": rows,
            "drafts": list(drafts_by_id.values()),
            "draft_counts": Counter(draft.kind.value for draft in drafts_by_id.values()),
            "facets": await context.read(examples.count_facets, context.actor, name),
            "is_whole": not before and not page.following,
            "next_href": page.following and filters.next_href(page.following),
            "opened": opened,
            "is_apart": opened is not None
            and opened.form.example not in {row.example.id for row in rows},
            "check": await drafts.check_drafts(context.services, context.actor, name),
            "result": result,
            "paste": paste,
            "note": note,
        }
        status = 422 if result.wrong else 200
        return render_page(context, "teach_examples.html", view, status=status)

    async def refuse(self, error: Exception, paste: Paste | None = None) -> Response:
        """Return the page with the message of one of `REFUSALS`."""
        return await self.render(result=FormResult(refusal_text(self.context, error)), paste=paste)

    async def draft(self, form: ExampleForm) -> Response | None:
        """Store the open examples as drafts; return the page with what was wrong, if any."""
        if refused := await self._draft_one(form):
            return await self.render(OpenExample(refused[0], self.beside), refused[1])
        if self.beside and (refused := await self._draft_one(self.beside)):
            form, _ = await _form(self.context, self.dataset.name, form.example)
            return await self.render(OpenExample(form, refused[0]), refused[1])
        return None

    async def _draft_one(self, form: ExampleForm) -> tuple[ExampleForm, FormResult] | None:
        """Store one example as a draft; return the form to show and what was wrong, if anything."""
        context, name = self.context, self.dataset.name
        result = FormResult(context.say("needs-both"))
        try:
            if form.is_whole:
                theirs = (await _form(context, name, form.example))[0] if form.example else form
                # The same person may have drafted it elsewhere since.
                is_newer = form.drafted and theirs.drafted not in (_NO_DRAFT, form.drafted)
                mine = form.fields(context)
                clashes = find_clashes(mine, theirs.fields(context)) if is_newer else ()
                if not clashes:
                    act, content = drafts.draft_example, form.content()
                    await context.write(
                        act, context.actor, name, form.example, content, form.revision
                    )
                    return None
                form = form.model_copy(update={"drafted": theirs.drafted})
                result = FormResult(context.say("draft-elsewhere"), clashes=clashes)
        except NotFound:
            # Removed in the meantime: saving creates a new one.
            form = form.model_copy(update={"example": "", "revision": ""})
            result = FormResult(context.say("example-deleted"))
        except DraftNotGood as error:
            result = FormResult(context.say("has-errors"), findings=error.findings)
        except REFUSALS as error:
            result = FormResult(refusal_text(context, error))
        return form, result

    async def draft_open(self, form: ExampleForm) -> Response | None:
        """Do so with the form that a button of the save bar sends along; an empty one is none."""
        return await self.draft(form) if form.question or form.answer else None


Listing = Annotated[ExampleList, Depends()]


@router.get("/datasets/{dataset}/examples")
async def show_examples(
    listing: Listing, changed: Noted = "", rows: Annotated[int, Query(ge=0, le=_MAX_ROWS)] = 0
) -> Response:
    """Return one part of a dataset's examples, last changed first, or the matches.

    `rows` is how many a list has that refreshes itself, after "Show more" too.
    """
    listing.page.limit = max(rows, listing.page.size)
    return await listing.render(changed=changed)


@router.get("/datasets/{dataset}/examples/one")
async def show_example(
    listing: Listing,
    example: ExampleId,
    look: Look = "edit",
    beside: Annotated[str, Query(max_length=1000, pattern=LINE)] = "",
) -> Response:
    """Return the list with one example open: its form, history or ratings; `beside`: two forms."""
    context, name = listing.context, listing.dataset.name
    form, is_broken = await _form(context, name, example)
    if beside:
        other, is_other_broken = await _form(context, name, beside)
        opened, is_broken = OpenExample(form, other), is_broken or is_other_broken
    else:
        versions = await context.read(examples.read_history, context.actor, name, form.example)
        rated = name, form.example, context.language
        ratings = await context.read(feedback.list_ratings, context.actor, *rated)
        opened = OpenExample(form, versions=versions, ratings=ratings, look=look)
    result = FormResult(context.say("example-broken")) if is_broken else FormResult()
    return await listing.render(opened, result)


@router.get("/datasets/{dataset}/examples/new")
async def new_example(
    listing: Listing, like: Annotated[str, Query(max_length=1000, pattern=LINE)] = ""
) -> Response:
    """Return the list with an empty form, or with answer and tags of another example."""
    form = ExampleForm()
    if like:
        model_form, _ = await _form(listing.context, listing.dataset.name, like)
        form = ExampleForm(answer=model_form.answer, tags=model_form.tags, split=model_form.split)
    return await listing.render(OpenExample(form))


@router.post("/datasets/{dataset}/examples/new")
async def begin_example(
    listing: Listing, question: Annotated[str, Form(max_length=100_000)] = ""
) -> Response:
    """Return a form with a user's question; sent by POST, so no address or log holds it."""
    return await listing.render(OpenExample(ExampleForm(question=question.strip())))


@router.post("/datasets/{dataset}/examples")
async def draft_example(listing: Listing, form: Annotated[ExampleForm, Form()]) -> Response:
    """Store an edited or new example as a draft."""
    return await listing.draft(form) or seen_other(listing.filters.href())


@router.post("/datasets/{dataset}/examples/drop")
async def drop_drafts(
    listing: Listing, example: Annotated[str, Form(max_length=1000, pattern=LINE)] = ""
) -> Response:
    """Delete the draft of one example, or all drafts."""
    await listing.context.write(
        drafts.drop_draft, listing.context.actor, listing.dataset.name, example
    )
    return seen_other(listing.filters.href())


@router.post("/datasets/{dataset}/examples/save")
async def save_drafts(listing: Listing, form: Annotated[ExampleForm, Form()]) -> Response:
    """Submit one commit of all drafts and of the open form; refused ones stay, with the reason."""
    if wrong_page := await listing.draft_open(form):
        return wrong_page
    context, name = listing.context, listing.dataset.name
    try:
        reason = form.allow and context.say(f"allow-{form.allow}-reason")
        change = await drafts.save_drafts(context.services, context.actor, name, form.once, reason)
    except EditNotGood as error:
        findings = [*error.preview.findings, *error.preview.around]
        may_allow = bool(error.preview.personal)
        wrong = context.say("allow-ask" if may_allow else "drafts-have-errors")
        result = FormResult(wrong, findings=findings, may_allow=may_allow)
        return await listing.render(result=result)
    except REFUSALS as error:
        return await listing.refuse(error)
    return seen_other(f"{base_of(name)}?changed={change.id}")


@router.get("/datasets/{dataset}/examples/paste")
async def show_paste(listing: Listing) -> Response:
    """Return the list with a field for a table and one for a file."""
    return await listing.render(paste=Paste())


@router.post("/datasets/{dataset}/examples/paste")
async def paste_table(
    listing: Listing,
    table: Annotated[str, Form(max_length=900_000)] = "",
    file: Annotated[UploadFile | None, File()] = None,
    file_name: Annotated[str, Form(max_length=_MAX_NAME)] = "",
    line: Annotated[list[int] | None, Form(max_length=1000)] = None,
    act: Annotated[Literal["look", "take"], Form()] = "look",
) -> Response:
    """Show the meaning of each row of a table or a file, or store the selected rows as drafts."""
    context, name, paste = listing.context, listing.dataset.name, Paste(table, file_name)
    try:
        if act == "take" and line:
            await context.write(
                drafts.draft_pasted_rows, context.actor, name, table, frozenset(line)
            )
            return seen_other(listing.filters.href())
        if file is not None and file.filename:
            lines: Iterable[ImportedLine]
            lines, text = await asyncio.to_thread(
                drafts.read_file, await file.read(), file.filename
            )
            paste = Paste(text, file.filename[:_MAX_NAME])
        else:
            lines = read_pasted(table) if table.strip() else ()
        rows = await context.read(drafts.compare_rows, context.actor, name, lines)
    except REFUSALS as error:
        return await listing.refuse(error, paste)
    return await listing.render(paste=replace(paste, rows=rows))


@router.post("/datasets/{dataset}/examples/{act}")
async def change_draft(
    listing: Listing,
    act: Literal["remove", "keep"],
    example: Annotated[str, Form(min_length=1, max_length=1000, pattern=LINE)],
    revision: Annotated[str, Form(max_length=80)] = "",
) -> Response:
    """Draft a removal, or let a draft override the concurrent edit that was shown beside it."""
    change = {"remove": drafts.draft_removal, "keep": drafts.keep_mine}[act]
    try:
        await listing.context.write(
            change, listing.context.actor, listing.dataset.name, example, revision
        )
    except REFUSALS as error:
        return await listing.refuse(error)
    return seen_other(listing.filters.href())


async def _form(context: PageContext, dataset: str, example: str) -> tuple[ExampleForm, bool]:
    """Return the form of an example with its draft, and whether its file is unreadable.

    Raises NotFound.
    """
    own_drafts = await context.read(drafts.list_drafts, context.actor, dataset)
    draft = next((candidate for candidate in own_drafts if candidate.example.id == example), None)
    view = (
        draft.example
        if draft
        else await context.read(examples.get, context.actor, dataset, example)
    )
    revision = draft.before if draft else view.revision
    if draft and draft.is_stale and draft.current:
        revision = draft.current.revision  # it is shown beside a stale draft
    form = ExampleForm(
        example=view.id,
        question=view.question or "",
        answer=view.answer or "",
        tags=", ".join(view.tags),
        split="test" if view.split == "test" else "train" if view.split == "train" else "",
        revision=revision,
        drafted=draft.at if draft else _NO_DRAFT,
    )
    return form, view.question is None
