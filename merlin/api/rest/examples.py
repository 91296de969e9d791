"""Examples: what models learn from. Editors change them by commits, others propose.

    files with what waits -> edits -> preview -> [dry run: told] | [errors: 422] -> Change (202)

Nobody builds on what has changed meanwhile: where something came in between, all is done again.

An example of somebody who may not edit waits for the editors of the dataset, masked. Nobody's words
are taken without their consent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.account.api_keys import Scope
from merlin.account.users import ConsentKind, Consents
from merlin.api.auth import Caller, SignedIn
from merlin.api.idempotency import run_once
from merlin.api.permissions import Leading, may_edit, need, services_of
from merlin.api.problems import (
    MEDIA_TYPE,
    NAMED,
    Problem,
    headers_of,
    language_of_request,
    problem_of,
    problems,
)
from merlin.api.rest.views import ChangeShown, PreviewShown, change_shown, preview_shown
from merlin.api.schema import (
    LINE,
    USUAL,
    Body,
    DryRun,
    Line,
    Name,
    Page,
    Shape,
    Sought,
    Words,
    cursor,
    links,
    needs,
    page_of,
    read_cursor,
)
from merlin.api.services import ApiServices
from merlin.core.errors import NotFound, Refused
from merlin.core.messages import Message
from merlin.course.catalogue import Catalogue, Material
from merlin.course.editing import CourseEdits
from merlin.dataset.change_queue import Changes
from merlin.dataset.changes import Change, ChangeRequest, Edit, make_changes, telegram_editor
from merlin.dataset.example import Example
from merlin.dataset.example_yaml import parse_example, reword_example, write_example
from merlin.dataset.file_index import FileIndex
from merlin.dataset.files import FileText, apply_pending_changes, is_behind
from merlin.dataset.layout import EXAMPLES, NameAllocator
from merlin.dataset.proposals import (
    MOST_LETTERS,
    Draft,
    Proposals,
    ProposalState,
    mask_personal_data,
)
from merlin.db.notices import ADMINS, Notices

TRIES = 5
LOOK_S = 0.1
_FRESH = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What lies in a dataset's folder, with what waits to be committed; `known` its materials.

    `mark` is another as soon as anything is; `is_behind`: a commit was made that is not seen yet.
    """

    files: list[FileText]
    known: list[Material]
    mark: tuple[str, ...] = ()
    is_behind: bool = False

    def file(self, path: str) -> FileText | None:
        """Return one file, None where there is none."""
        return next((each for each in self.files if each.path == path), None)


class Stale(Exception):
    """What the editor saw lies there no more; both texts, and the revision of what does."""

    def __init__(self, yours: str | None, theirs: str | None, revision: str) -> None:
        super().__init__("stale")
        self.yours = yours
        self.theirs = theirs
        self.revision = revision


Make = Callable[[Shelf], CourseEdits]


def shelf_of(services: ApiServices, dataset: str) -> Shelf:
    """Return what lies there; within the store's work. Raises NotFound for no such dataset."""
    files = FileIndex(services.db).files(dataset)
    pending = Changes(services.db).pending(dataset)
    mark = (*(each.blob for each in files), *(each.change_id for each in pending))
    if not files:
        raise NotFound(f"no dataset {dataset}", "change-no-dataset", dataset=dataset)
    committed = Changes(services.db).committed(dataset, services.clock() - _FRESH)
    whole = apply_pending_changes(dataset, files, pending)
    return Shelf(whole, _known(services, dataset), mark, is_behind(files, committed))


def _known(services: ApiServices, dataset: str) -> list[Material]:
    try:
        return Catalogue(services.db).materials(dataset)
    except NotFound:
        return []


async def asked(
    request: Request, caller: Caller, dataset: str, make: Make, *, dry_run: bool, number: int = 0
) -> Response:
    """Return 202 with the change that was asked for; 200 with the preview of a dry run.

    409 where the editor saw something else (`make` raises Stale), 422 where the checker finds an
    error. Raises what `make` raises. By the `number` of the call (`api.idempotency`) a call that
    comes again finds what it asked for already.
    """
    services, language = services_of(request), language_of_request(request)
    for _ in range(TRIES):
        shelf = await _seen(services, dataset)
        known = await services.store.read(lambda: _known_batch(services, number))
        if known:
            return accepted(request, known, shelf)
        try:
            proposed = await asyncio.to_thread(make, shelf)
        except Stale as stale:
            return _stale(request, stale)
        seen = await services.proofs.proved(dataset, shelf.files, proposed.edits)
        shown = preview_shown(
            seen, proposed.edits, shelf.files, language, is_whole=proposed.is_whole
        )
        if dry_run:
            return JSONResponse(shown.model_dump(mode="json"), headers=headers_of(language))
        if not seen.is_good:
            findings = [each.model_dump(mode="json") for each in shown.findings]
            return extended(request, HTTPStatus.UNPROCESSABLE_ENTITY, "not-good", findings=findings)
        changes = _numbered(
            make_changes(dataset, proposed.edits, asker(services, caller), proposed.subject), number
        )
        if await _put(services, dataset, shelf, changes):
            return accepted(request, changes, shelf)
    raise Problem(HTTPStatus.CONFLICT, "busy-file")


def _batch_id(number: int) -> str:
    return f"{number:032x}"


def _known_batch(services: ApiServices, number: int) -> list[Change]:
    """Return what the call of this number asked for already, nothing for 0."""
    return Changes(services.db).of_batch(_batch_id(number)) if number else []


def _numbered(changes: Sequence[Change], number: int) -> Sequence[Change]:
    """Return the changes as the batch of a call's number; for 0 as they are."""
    if not number:
        return changes
    batch = _batch_id(number)
    first, *others = (replace(each, batch=batch) for each in changes)
    return (replace(first, change_id=batch), *others)


async def _seen(services: ApiServices, dataset: str) -> Shelf:
    """Return what lies there once the newest commit is seen. Raises Problem 409 when it is not."""
    until = asyncio.get_running_loop().time() + services.bounds.commit_wait_s
    while True:
        shelf = await services.store.read(lambda: shelf_of(services, dataset))
        if not shelf.is_behind:
            return shelf
        if asyncio.get_running_loop().time() > until:
            raise Problem(HTTPStatus.CONFLICT, "busy-file")
        await asyncio.sleep(LOOK_S)


async def _put(
    services: ApiServices, dataset: str, shelf: Shelf, changes: Sequence[Change]
) -> bool:
    """Keep the changes where nothing came in between; False where something did."""

    def put() -> bool:
        if shelf_of(services, dataset).mark != shelf.mark:
            return False
        Changes(services.db).put(changes)
        return True

    return await services.store.do(put)


def asker(services: ApiServices, caller: Caller) -> ChangeRequest:
    """Return who asks, in whose name the commit is made, and when."""
    name = caller.user.shown_name if caller.user else ""
    return ChangeRequest(
        telegram_editor(caller.user_id, name), str(caller.user_id), services.clock()
    )


def accepted(request: Request, changes: Sequence[Change], shelf: Shelf) -> Response:
    """Return the answer to a change that waits for its commit now."""
    language = language_of_request(request)
    texts = {each.blob: each.text for each in shelf.files}
    shown = change_shown(changes, texts.get, language)
    headers = {**headers_of(language), "Location": f"/api/changes/{shown.id}"}
    return JSONResponse(shown.model_dump(mode="json"), HTTPStatus.ACCEPTED, headers)


def _stale(request: Request, stale: Stale) -> Response:
    told = {"yours": stale.yours, "theirs": stale.theirs, "revision": stale.revision}
    return extended(request, HTTPStatus.CONFLICT, "stale", **told)


def extended(request: Request, status: HTTPStatus, code: str, **members: object) -> Response:
    """Return a problem that tells more than others do."""
    said = {**problem_of(request, status, code), **members}
    headers = headers_of(language_of_request(request))
    return JSONResponse(said, status.value, headers, MEDIA_TYPE)


def unchanged(revision: str | None, seen: str, yours: str | None, theirs: str | None) -> None:
    """Raise Stale where an editor saw another revision than lies there; "" was told by nobody."""
    if not revision:
        raise Refused("no revision", "teaching-no-revision")
    if revision.strip('"') != seen:
        raise Stale(yours, theirs, seen)


# A question and its answer, None for one that is missing.
QuestionAnswer = tuple[str | None, str | None]


class ProposalShown(Shape):
    """An example that waits for an editor; its words are masked."""

    proposal: int | None = Field(description="null for a dry run")
    state: ProposalState
    question: str
    answer: str


async def propose(
    request: Request, caller: Caller, dataset: str, words: QuestionAnswer, *, dry_run: bool
) -> Response:
    """Let an example wait for an editor.

    Raises Problem 404 for a dataset that is not open, 409 without a consent or with too many that
    wait, 422 for words that are no example.
    """
    need(caller, Scope.CHAT_WRITE)
    services, language = services_of(request), language_of_request(request)
    draft = _draft(dataset, words, language)

    def put() -> int | None:
        _open(services, dataset)
        if not Consents(services.db).has(caller.user_id, ConsentKind.TRAINING):
            raise Problem(HTTPStatus.CONFLICT, "consent-needed")
        if dry_run:
            return None
        proposal = Proposals(services.db).add(caller.user_id, draft)
        if proposal is None:
            raise Problem(HTTPStatus.CONFLICT, "too-many-proposals")
        day = f"{services.clock():%Y-%m-%d}"
        Notices(services.db).tell(ADMINS, "notice-proposal", {}, f"proposals:{day}")
        return proposal

    shown = ProposalShown(
        proposal=await services.store.do(put),
        state=ProposalState.WAITING,
        question=draft.question,
        answer=draft.answer,
    )
    status = HTTPStatus.OK if dry_run else HTTPStatus.ACCEPTED
    return JSONResponse(shown.model_dump(mode="json"), status, headers_of(language))


def _draft(dataset: str, words: QuestionAnswer, language: str) -> Draft:
    """Return what an editor would see. Raises Problem 422."""
    asked, said = words
    if asked is None or said is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "question-and-answer")
    if max(len(asked), len(said)) > MOST_LETTERS:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "too-long-example", limit=MOST_LETTERS)
    question, answer = (
        mask_personal_data(asked, language).words,
        mask_personal_data(said, language).words,
    )
    return Draft(question.strip(), answer.strip(), dataset)


def _open(services: ApiServices, dataset: str) -> None:
    """Raise Problem 404 for a dataset that people are not asked about."""
    try:
        is_open = Catalogue(services.db).course(dataset).is_active
    except NotFound:
        is_open = False
    if not is_open and dataset != services.default_dataset:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")


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
            return FileIndex(services.db).find(query, dataset, limit)
        return FileIndex(services.db).following(dataset, str(after[0]) if after else "", limit + 1)

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

    def make(shelf: Shelf) -> CourseEdits:
        path = f"{EXAMPLES}{_free_id(shelf, written)}.yaml"
        return CourseEdits((Edit(path, None, written),), "")

    async def deed(number: int) -> Response:
        if not is_editor:
            said = (body.question, body.answer) if body.text is None else (None, None)
            return await propose(request, caller, dataset, said, dry_run=dry_run)
        need(caller, Scope.MATERIALS_WRITE)
        return await asked(request, caller, dataset, make, dry_run=dry_run, number=number)

    return await run_once(request, caller, deed)


@router.get("/{example_id:path}", summary="An example", responses=problems(401, 403, 404, 422))
async def show_example(
    request: Request, caller: Leading, dataset: Name, example_id: ExampleId
) -> ExampleShown:
    """Return one example as it lies at the newest commit."""
    await _edited(request, caller, dataset)
    services = services_of(request)
    return _shown(
        await services.store.read(lambda: FileIndex(services.db).one(dataset, example_id))
    )


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

    def make(shelf: Shelf) -> CourseEdits:
        file = _lying(shelf, dataset, example_id)
        unchanged(body.revision or if_match, file.blob, body.text, file.text)
        new = body.text
        if new is None:
            new = reword_example(file.text, body.question, body.answer, body.tags)
        return CourseEdits((Edit(file.path, file.blob, _ended(new)),), "")

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

    def make(shelf: Shelf) -> CourseEdits:
        file = _lying(shelf, dataset, example_id)
        unchanged(revision or if_match, file.blob, None, file.text)
        return CourseEdits((Edit(file.path, file.blob, None),), "")

    return await asked(request, caller, dataset, make, dry_run=dry_run)


async def _edited(request: Request, caller: Caller, dataset: str) -> None:
    """Raise Problem 404 for a dataset in which the caller edits nothing."""
    services = services_of(request)
    if not await services.store.read(lambda: may_edit(services, caller, dataset)):
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")


def _shown(file: FileText) -> ExampleShown:
    example = parse_example(file.text)
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
    example = parse_example(written)
    return NameAllocator(taken).new(example.question if example else "new")


def _ended(text: str) -> str:
    plain = text.replace("\r\n", "\n")
    return plain if plain.endswith("\n") else f"{plain}\n"
