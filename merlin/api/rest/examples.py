"""Examples: what models learn from. Editors change them by commits, others propose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Self

from fastapi import Path, Query
from pydantic import ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from typing_extensions import TypedDict

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, Leading, SignedIn, need
from merlin.api.idempotency import run_once
from merlin.api.problems import NAMED, headers_of, problems
from merlin.api.rest.changes import EDITED, ChangeShown, IfMatch, PreviewShown, answer_edit
from merlin.api.schema import (
    LINE,
    Body,
    DryRun,
    Line,
    Name,
    Page,
    Part,
    Sought,
    Words,
    needs,
    operation_router,
)
from merlin.app import examples, proposals
from merlin.app.examples import ExampleView, ExampleWords
from merlin.app.permissions import may_edit_examples
from merlin.app.proposals import ProposalView

router = operation_router(prefix="/api/datasets/{dataset}/examples", tags=["examples"])

MOST_FILE = 1_000_000
MOST_TAGS = 50
_TAG_LETTERS = 64
ExampleId = Annotated[str, Path(min_length=1, max_length=1000, pattern=LINE)]
Said = Annotated[Words, Field(min_length=1, max_length=100_000)]


class ExampleBody(Body):
    """An example as it shall be: question and answer, or the whole file.

    Of an example that lies there, only what is given changes.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "anyOf": [
                needs("text", without=("question", "answer", "tags")),
                *(needs(each, without=("text",)) for each in ("question", "answer", "tags")),
            ]
        },
    )

    question: Said | None = None
    answer: Said | None = None
    tags: (
        Annotated[
            list[Annotated[Line, Field(min_length=1, max_length=_TAG_LETTERS)]],
            Field(max_length=MOST_TAGS),
        ]
        | None
    ) = None
    text: Annotated[Words, Field(min_length=1, max_length=MOST_FILE)] | None = Field(
        default=None, description="the whole file, YAML"
    )
    revision: Annotated[Line, Field(max_length=80)] | None = Field(
        default=None, description="the one that you saw; needed where one lies there"
    )

    def words(self) -> ExampleWords:
        """Return what the example shall say."""
        return ExampleWords(self.question, self.answer, self.tags, self.text)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        parts = (self.question, self.answer, self.tags)
        is_empty = self.text is None and all(each is None for each in parts)
        if is_empty or (self.text is not None and any(each is not None for each in parts)):
            raise ValueError("parts or the whole text are wanted")
        return self


ExampleList = TypedDict("ExampleList", {"examples": Sequence[ExampleView]})


# What a new example needs beyond `ExampleBody`.
_WHOLE = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {"anyOf": [needs("text"), needs("question", "answer")]},
            }
        }
    }
}
ADDED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": ChangeShown | ProposalView,
        "description": "A commit was asked for, or an editor, of somebody who may not edit",
    },
    200: {"model": PreviewShown | ProposalView, "description": "What a dry run tells"},
    **problems(404),
}


@router.get("", summary="Examples, all or those that say some words", responses=problems(404))
async def list_examples(
    caller: Leading, dataset: Name, page: Part, query: Sought = ""
) -> ExampleList:
    """Return one part of the examples by id; with words the first that say them all."""
    return {"examples": await examples_part(caller, page, dataset, query)}


async def examples_part(
    caller: Caller, page: Page, dataset: str, query: str
) -> Sequence[ExampleView]:
    """Return one part of the examples, or those that say some words; raises NotFound."""
    after, size = page.after(""), page.size
    if query.strip():
        found = await caller.read(examples.find, query, dataset, limit=size)
    else:
        found = await caller.read(examples.recent, dataset, limit=size + 1, after=after)
    return page.cut(found, lambda each: each.id)


@router.post(
    "",
    summary="Add an example, or propose one",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    responses=ADDED,
    openapi_extra=_WHOLE | NAMED,
)
async def add_example(
    request: Request,
    caller: SignedIn,
    dataset: Name,
    body: ExampleBody,
    *,
    dry_run: DryRun = False,
) -> Response:
    """Ask for a commit; of somebody who may not edit, ask the editors.

    A key needs the scope `materials:write`; to propose, `chat:write`.
    """
    make = None
    if await caller.read(may_edit_examples, dataset):
        make = partial(examples.add_example, examples.write_words(body.words()))

    async def add(number: int) -> Response:
        need(caller, Scope.MATERIALS_WRITE if make else Scope.CHAT_WRITE)
        if make:
            mark = str(number)
            return await answer_edit(request, caller, dataset, make, dry_run=dry_run, once=mark)
        draft = proposals.draft_proposal(dataset, body.words(), caller.language)
        found = await caller.write(proposals.propose, draft, dry_run=dry_run)
        status = HTTPStatus.OK if dry_run else HTTPStatus.ACCEPTED
        return JSONResponse(asdict(found), status, headers_of(caller.language))

    return await run_once(request, caller, add)


@router.get("/{example_id:path}", summary="An example", responses=problems(404))
async def show_example(caller: Leading, dataset: Name, example_id: ExampleId) -> ExampleView:
    """Return one example as it lies at the newest commit."""
    return await caller.read(examples.get, dataset, example_id)


@router.put("/{example_id:path}", summary="Change an example", **EDITED)
async def edit_example(
    request: Request,
    caller: Leading,
    dataset: Name,
    example_id: ExampleId,
    body: ExampleBody,
    if_match: IfMatch = None,
    *,
    dry_run: DryRun = False,
) -> Response:
    """Ask for a commit with other words."""
    revision = body.revision or if_match
    make = partial(examples.edit_example, example_id, body.words(), revision)
    return await answer_edit(request, caller, dataset, make, dry_run=dry_run)


@router.delete("/{example_id:path}", summary="Remove an example", **EDITED)
async def remove_example(
    request: Request,
    caller: Leading,
    dataset: Name,
    example_id: ExampleId,
    revision: Annotated[str, Query(max_length=80)] = "",
    if_match: IfMatch = None,
    *,
    dry_run: DryRun = False,
) -> Response:
    """Ask for a commit without the example."""
    make = partial(examples.remove_example, example_id, revision or if_match)
    return await answer_edit(request, caller, dataset, make, dry_run=dry_run)
