"""Changes: what became of an edit; a conflict solved, an edit taken back, a commit undone."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.auth import Caller
from merlin.api.idempotency import run_once
from merlin.api.permissions import Leading, may_edit, services_of
from merlin.api.problems import NAMED, Problem, language_of_request, problems
from merlin.api.rest.examples import Shelf, asked
from merlin.api.rest.views import ChangeShown, PreviewShown, change_shown, finding_shown
from merlin.api.schema import (
    USUAL,
    Body,
    DryRun,
    Hex,
    Page,
    Shape,
    Words,
    cursor,
    links,
    page_of,
    read_cursor,
)
from merlin.api.services import ApiServices
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Permission
from merlin.course.editing import CourseEdits
from merlin.dataset.change_queue import Changes
from merlin.dataset.changes import Change, ChangeState, Edit, revert_subject
from merlin.dataset.commit_batch import plan_revert
from merlin.dataset.file_index import FileIndex
from merlin.dataset.finding import Severity

router = APIRouter(prefix="/api/changes", tags=["changes"])

MOST_LETTERS = 1_000_000


class ChangeList(Shape):
    """Edits that were asked for, newest first."""

    changes: list[ChangeShown]


class Solution(Body):
    """How a conflict is solved: by your text, by theirs, or by one written anew."""

    take: Literal["mine", "theirs", "text"]
    text: Annotated[Words, Field(max_length=MOST_LETTERS)] | None = Field(
        default=None, description="the file as it shall be, for take=text"
    )


@router.get("", summary="Your edits; an admin's: everybody's", responses=problems(401, 403, 422))
async def list_changes(
    request: Request,
    response: Response,
    caller: Leading,
    page: Annotated[Page, Depends(page_of)],
) -> ChangeList:
    """Return one part of the list, the newest first."""
    services, language = services_of(request), language_of_request(request)
    after = read_cursor(page.cursor, str)
    limit = page.limit or USUAL
    by = None if _sees_all(caller) else str(caller.user_id)

    def found() -> tuple[list[ChangeShown], bool]:
        firsts = Changes(services.db).batches(by, limit + 1, str(after[0]) if after else "")
        shown = [
            change_shown(
                Changes(services.db).of_batch(each.batch), FileIndex(services.db).text, language
            )
            for each in firsts[:limit]
        ]
        return shown, len(firsts) > limit

    shown, has_more = await services.store.read(found)
    response.headers.update(links(request, cursor(shown[-1].id) if has_more else None))
    return ChangeList(changes=shown)


@router.get("/{change_id}", summary="An edit", responses=problems(401, 403, 404, 422))
async def show_change(request: Request, caller: Leading, change_id: Hex) -> ChangeShown:
    """Return where it stands; in a conflict with both texts of each file."""
    services, language = services_of(request), language_of_request(request)

    def found() -> ChangeShown:
        batch = _own(services, caller, change_id)
        return change_shown(batch, FileIndex(services.db).text, language)

    return await services.store.read(found)


@router.post(
    "/{change_id}/again",
    summary="Solve a conflict",
    status_code=HTTPStatus.ACCEPTED,
    responses=problems(400, 401, 403, 404, 409, 413, 422),
)
async def solve_change(
    request: Request, response: Response, caller: Leading, change_id: Hex, body: Solution
) -> ChangeShown:
    """Send the edit again; `change_id` is that of the file in conflict, or of the whole edit."""
    services, language = services_of(request), language_of_request(request)
    one = await services.store.read(lambda: _conflict(services, caller, change_id))
    if body.take == "text":
        await _prove(services, one, body.text or "", language)

    def solve() -> ChangeShown:
        _solve(services, _conflict(services, caller, one.change_id), body)
        batch = Changes(services.db).of_batch(one.batch)
        return change_shown(batch, FileIndex(services.db).text, language)

    response.headers["Location"] = f"/api/changes/{one.batch}"
    return await services.store.do(solve)


@router.post(
    "/{change_id}/retry",
    summary="Try a parked edit again",
    status_code=HTTPStatus.ACCEPTED,
    responses=problems(401, 403, 404, 409, 422),
)
async def retry_change(
    request: Request, response: Response, caller: Leading, change_id: Hex
) -> ChangeShown:
    """Let an edit that the repository refused wait again; 409 for one that is not parked."""
    services, language = services_of(request), language_of_request(request)

    def retry() -> ChangeShown:
        batch = _editable(services, caller, change_id)
        if not Changes(services.db).retry(batch[0].change_id):
            raise Refused("not parked", "change-not-parked", change=change_id)
        batch = Changes(services.db).of_batch(batch[0].batch)
        return change_shown(batch, FileIndex(services.db).text, language)

    shown = await services.store.do(retry)
    response.headers["Location"] = f"/api/changes/{shown.id}"
    return shown


@router.delete(
    "/{change_id}",
    summary="Take an edit back that waits, is parked or stands in conflict",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 409, 422),
)
async def drop_change(request: Request, caller: Leading, change_id: Hex) -> None:
    """Forget the edit and its text; 409 once it is a commit."""
    services = services_of(request)

    def drop() -> None:
        batch = _own(services, caller, change_id)
        is_gone = batch[0].reason == "change-given-up"
        if not is_gone and not Changes(services.db).give_up(batch[0].change_id):
            raise Refused("too late", "change-too-late")

    await services.store.do(drop)


@router.post(
    "/{change_id}/undo",
    summary="Take a commit back by another one",
    status_code=HTTPStatus.ACCEPTED,
    response_model=None,
    openapi_extra=NAMED,
    responses={
        HTTPStatus.ACCEPTED.value: {"model": ChangeShown, "description": "A commit was asked for"},
        HTTPStatus.OK.value: {"model": PreviewShown, "description": "What a dry run tells"},
        **problems(400, 401, 403, 404, 409, 413, 422),
    },
)
async def undo_change(
    request: Request, caller: Leading, change_id: Hex, *, dry_run: DryRun = False
) -> Response:
    """Ask for the commit that puts the files back as they were before this one."""
    services = services_of(request)
    texts: dict[str, str | None] = {}

    def found() -> list[Change]:
        batch = _editable(services, caller, change_id)
        for each in batch:
            if each.before:
                texts[each.before] = FileIndex(services.db).text(each.before)
        return batch

    batch = await services.store.read(found)

    def make(shelf: Shelf) -> CourseEdits:
        blobs = {each.path: each.blob for each in shelf.files}
        found = plan_revert(batch, blobs, texts.get)
        if found.newer:  # nobody is asked here which of the files are to go back all the same
            raise Refused("written anew", "change-undo-since", path=found.newer[0])
        return CourseEdits(found.edits, revert_subject(batch[0].subject))

    async def deed(number: int) -> Response:
        return await asked(request, caller, batch[0].dataset, make, dry_run=dry_run, number=number)

    return await run_once(request, caller, deed)


def _sees_all(caller: Caller) -> bool:
    return caller.may(Permission.USERS)


def _own(services: ApiServices, caller: Caller, change_id: str) -> list[Change]:
    """Return the batch of a change, the change first. Raises NotFound for one of others."""
    changes = Changes(services.db)
    one = changes.get(change_id)
    if one.by != str(caller.user_id) and not _sees_all(caller):
        raise NotFound("not theirs", "change-unknown", change=change_id)
    return changes.of_batch(one.batch)


def _editable(services: ApiServices, caller: Caller, change_id: str) -> list[Change]:
    """Return the batch where the caller may still edit its dataset. Raises NotFound, Problem."""
    batch = _own(services, caller, change_id)
    if not may_edit(services, caller, batch[0].dataset):
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
    return batch


def _conflict(services: ApiServices, caller: Caller, change_id: str) -> Change:
    """Return the file in conflict. Raises NotFound, Refused where it is solved."""
    batch = _editable(services, caller, change_id)
    standing = [each for each in batch if each.theirs is not None]
    named = [each for each in standing if each.change_id == change_id]
    found = (named or standing)[:1]
    if not found or found[0].state is not ChangeState.CONFLICT:
        raise Refused("solved already", "change-solved")
    return found[0]


def _solve(services: ApiServices, one: Change, body: Solution) -> None:
    changes, theirs = Changes(services.db), one.theirs
    if theirs is None:
        raise Refused("solved already", "change-solved")
    if body.take == "mine":
        changes.again(one.change_id, one.text, theirs.blob)
    elif body.take == "text":
        changes.again(one.change_id, body.text or "", theirs.blob)
    elif len(changes.of_batch(one.batch)) > 1 and (theirs.text is not None or not theirs.blob):
        changes.again(one.change_id, theirs.text, theirs.blob)
    else:
        changes.give_up(one.change_id)


async def _prove(services: ApiServices, one: Change, words: str, language: str) -> None:
    """Raise Problem 422 where the checker finds an error in the text that solves a conflict."""
    files = await services.store.read(lambda: FileIndex(services.db).files(one.dataset))
    path = one.path.removeprefix(f"{one.dataset}/")
    seen = await services.proofs.proved(one.dataset, files, [Edit(path, one.before, words)])
    if not seen.is_good:
        errors = [each for each in seen.findings if each.severity is Severity.ERROR]
        first = finding_shown(errors[0], language)
        told = {"path": first.path, "line": first.line, "reason": first.text}
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "not-good-text", **told)
