"""Examples: what models learn from; editors change them by commits, others propose.

What others propose goes to the editors of the dataset (`api.teaching.proposing`).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.key import Scope
from merlin.api.caller import Caller, SignedIn
from merlin.api.described import NAMED, problems
from merlin.api.idempotent import once
from merlin.api.paging import USUAL, Page, cursor, links, page_of, read_cursor
from merlin.api.problems import Problem
from merlin.api.shape import LINE, Body, DryRun, Line, Name, Shape, Sought, Words, needs
from merlin.api.teaching.asking import Shelf, asked, unchanged
from merlin.api.teaching.proposing import ProposalShown, propose
from merlin.api.teaching.right import Leading, may_edit, need, services_of
from merlin.api.teaching.shown import ChangeShown, PreviewShown
from merlin.core.errors import NotFound
from merlin.core.message import Message
from merlin.course.teaching import Proposed
from merlin.dataset.change import Edit
from merlin.dataset.editing import FileText
from merlin.dataset.example import Example
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.naming import Names
from merlin.dataset.rewording import parsed, reworded
from merlin.dataset.writing import write_example

router = APIRouter(prefix="/api/datasets/{dataset}/examples", tags=["examples"])

MOST_FILE = 1_000_000
MOST_TAGS = 50
_TAG_LETTERS = 64
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="the revision that you saw", max_length=80)
]
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

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        parts = (self.question, self.answer, self.tags)
        is_empty = self.text is None and all(each is None for each in parts)
        if is_empty or (self.text is not None and any(each is not None for each in parts)):
            raise ValueError("parts or the whole text are wanted")
        return self


class ExampleShown(Shape):
    """One example."""

    id: str
    dataset: str
    question: str | None = Field(description="the first question, null where it cannot be read")
    answer: str | None = Field(description="the last answer")
    tags: list[str]
    text: str | None = Field(description="the file, YAML; null where it is no text")
    revision: str


class ExampleList(Shape):
    """Examples of a dataset, by id."""

    examples: list[ExampleShown]


_WRITTEN: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK.value: {"model": PreviewShown, "description": "What a dry run tells"},
    **problems(400, 401, 403, 404, 409, 413, 422),
}
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
EDITED = {
    HTTPStatus.ACCEPTED.value: {"model": ChangeShown, "description": "A commit was asked for"},
    **_WRITTEN,
}
ADDED = {
    HTTPStatus.ACCEPTED.value: {
        "model": ChangeShown | ProposalShown,
        "description": "A commit was asked for, or an editor, of somebody who may not edit",
    },
    **_WRITTEN,
    HTTPStatus.OK.value: {
        "model": PreviewShown | ProposalShown,
        "description": "What a dry run tells",
    },
}


@router.get(
    "", summary="Examples, all or those that say some words", responses=problems(401, 403, 404, 422)
)
async def list_examples(
    request: Request,
    response: Response,
    caller: Leading,
    dataset: Name,
    page: Annotated[Page, Depends(page_of)],
    query: Sought = "",
) -> ExampleList:
    """Return one part of the examples by id; with words the first that say them all."""
    await _edited(request, caller, dataset)
    services, limit = services_of(request), page.limit or USUAL
    after = read_cursor(page.cursor, str)

    def found() -> list[FileText]:
        if query.strip():
            return services.rows.library.find(query, dataset, limit)
        return services.rows.archive.following(dataset, str(after[0]) if after else "", limit + 1)

    files = await services.store.read(found)
    has_more = len(files) > limit
    last = files[limit - 1].example_id if has_more else None
    response.headers.update(links(request, cursor(last) if last else None))
    return ExampleList(examples=[_shown(each) for each in files[:limit]])


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
    services = services_of(request)
    is_editor = await services.store.read(lambda: may_edit(services, caller, dataset))
    written = _written(body)

    def make(shelf: Shelf) -> Proposed:
        path = f"{EXAMPLES}{_free_id(shelf, written)}.yaml"
        return Proposed((Edit(path, None, written),), "")

    async def deed(number: int) -> Response:
        if not is_editor:
            said = (body.question, body.answer) if body.text is None else (None, None)
            return await propose(request, caller, dataset, said, dry_run=dry_run)
        need(caller, Scope.MATERIALS_WRITE)
        return await asked(request, caller, dataset, make, dry_run=dry_run, number=number)

    return await once(request, caller, deed)


@router.get("/{example_id:path}", summary="An example", responses=problems(401, 403, 404, 422))
async def show_example(
    request: Request, caller: Leading, dataset: Name, example_id: ExampleId
) -> ExampleShown:
    """Return one example as it lies at the newest commit."""
    await _edited(request, caller, dataset)
    services = services_of(request)
    return _shown(await services.store.read(lambda: services.rows.library.one(dataset, example_id)))


@router.put(
    "/{example_id:path}",
    summary="Change an example",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    responses=EDITED,
)
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
    await _edited(request, caller, dataset)

    def make(shelf: Shelf) -> Proposed:
        file = _lying(shelf, dataset, example_id)
        unchanged(body.revision or if_match, file.blob, body.text, file.text)
        new = body.text
        if new is None:
            new = reworded(file.text, body.question, body.answer, body.tags)
        return Proposed((Edit(file.path, file.blob, _ended(new)),), "")

    return await asked(request, caller, dataset, make, dry_run=dry_run)


@router.delete(
    "/{example_id:path}",
    summary="Remove an example",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    responses=EDITED,
)
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
    await _edited(request, caller, dataset)

    def make(shelf: Shelf) -> Proposed:
        file = _lying(shelf, dataset, example_id)
        unchanged(revision or if_match, file.blob, None, file.text)
        return Proposed((Edit(file.path, file.blob, None),), "")

    return await asked(request, caller, dataset, make, dry_run=dry_run)


async def _edited(request: Request, caller: Caller, dataset: str) -> None:
    """Raise Problem 404 for a dataset in which the caller edits nothing."""
    services = services_of(request)
    if not await services.store.read(lambda: may_edit(services, caller, dataset)):
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")


def _shown(file: FileText) -> ExampleShown:
    example = parsed(file.text)
    last = example.messages[-1].content if example else None
    return ExampleShown(
        id=file.example_id,
        dataset=file.dataset,
        question=example.question if example else None,
        answer=last if isinstance(last, str) else None,
        tags=list(example.tags) if example else [],
        text=file.text,
        revision=file.blob,
    )


def _lying(shelf: Shelf, dataset: str, example_id: str) -> FileText:
    file = shelf.file(f"{EXAMPLES}{example_id}.yaml")
    if file is None:
        told = {"dataset": dataset, "example": example_id}
        raise NotFound(f"no example {example_id}", "change-no-example", **told)
    return file


def _written(body: ExampleBody) -> str:
    """Return a new example's file. Raises Problem 422 where its words are not all there."""
    if body.text is not None:
        return _ended(body.text)
    if not body.question or not body.answer:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "question-and-answer")
    said = (Message("user", body.question.strip()), Message("assistant", body.answer.strip()))
    return write_example(Example("", "", "", said, tuple(body.tags or ())))


def _free_id(shelf: Shelf, written: str) -> str:
    """Return an id that no example of the dataset has, nor one that waits to be added."""
    taken = [each.example_id for each in shelf.files if each.path.startswith(EXAMPLES)]
    example = parsed(written)
    return Names(taken).new(example.question if example else "new")


def _ended(text: str) -> str:
    plain = text.replace("\r\n", "\n")
    return plain if plain.endswith("\n") else f"{plain}\n"
