"""Changes: what became of an edit; a conflict solved, an edit taken back, a commit undone."""

from __future__ import annotations

from collections.abc import Awaitable
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.api.auth import Caller
from merlin.api.idempotency import run_once
from merlin.api.permissions import Leading, context_of
from merlin.api.problems import (
    MEDIA_TYPE,
    NAMED,
    Problem,
    headers_of,
    language_of_request,
    problem_of,
    problems,
)
from merlin.api.rest.views import (
    ChangeShown,
    PreviewShown,
    change_shown,
    finding_shown,
    preview_shown,
)
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
from merlin.app import changes
from merlin.app.changes import ChangeView, EditNotGood, Make, PreviewView, StaleEdit
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
    language, limit = language_of_request(request), page.limit or USUAL
    after = read_cursor(page.cursor, str)
    before = str(after[0]) if after else ""
    found = await context_of(request).read(changes.recent, caller.actor, limit + 1, before)
    has_more = len(found) > limit
    response.headers.update(links(request, cursor(found[limit - 1].id) if has_more else None))
    return ChangeList(changes=[change_shown(each, language) for each in found[:limit]])


@router.get("/{change_id}", summary="An edit", responses=problems(401, 403, 404, 422))
async def show_change(request: Request, caller: Leading, change_id: Hex) -> ChangeShown:
    """Return where it stands; in a conflict with both texts of each file."""
    found = await context_of(request).read(changes.get, caller.actor, change_id)
    return change_shown(found, language_of_request(request))


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
    ctx, actor, text = context_of(request), caller.actor, body.text or ""
    if body.take == "text":
        one, theirs = await ctx.read(changes.conflict, actor, change_id)
        _require_good(request, await changes.check_rewrite(ctx, actor, one, text))
        found = await ctx.write(changes.rewrite, actor, one.change_id, text, theirs.blob)
    else:
        found = await ctx.write(changes.solve, actor, change_id, body.take)
    return _accepted(request, response, found)


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
    found = await context_of(request).write(changes.retry, caller.actor, change_id)
    return _accepted(request, response, found)


@router.delete(
    "/{change_id}",
    summary="Take an edit back that waits, is parked or stands in conflict",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 409, 422),
)
async def drop_change(request: Request, caller: Leading, change_id: Hex) -> None:
    """Forget the edit and its text; 409 once it is a commit."""
    await context_of(request).write(changes.drop, caller.actor, change_id)


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
    ctx, actor = context_of(request), caller.actor

    async def undo(number: int) -> Response:
        if dry_run:
            return await answer_change(request, changes.preview_undo(ctx, actor, change_id))
        return await answer_change(request, changes.undo(ctx, actor, change_id, str(number)))

    return await run_once(request, caller, undo)


async def answer_edit(
    request: Request, caller: Caller, dataset: str, make: Make, *, dry_run: bool, once: str = ""
) -> Response:
    """Return 202 with the change that was asked for; 200 with the preview of a dry run.

    409 where the editor saw something else, 422 where the checker finds an error. With the same
    `once` the first change is answered. Raises what `make` raises.
    """
    ctx, actor = context_of(request), caller.actor
    if dry_run:
        return await answer_change(request, changes.preview(ctx, actor, dataset, make))
    return await answer_change(request, changes.submit(ctx, actor, dataset, make, once))


async def answer_change(request: Request, edit: Awaitable[ChangeView | PreviewView]) -> Response:
    """Return what becomes of an edit as `answer_edit` does; raises what `edit` raises."""
    language = language_of_request(request)
    try:
        found = await edit
    except StaleEdit as error:
        told = {"yours": error.yours, "theirs": error.theirs, "revision": error.revision}
        return _problem(request, HTTPStatus.CONFLICT, "stale", **told)
    except EditNotGood as error:
        findings = [
            finding_shown(each, language).model_dump(mode="json") for each in error.preview.findings
        ]
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return _problem(request, status, "not-good", findings=findings)
    if isinstance(found, PreviewView):
        shown = preview_shown(found, language)
        return JSONResponse(shown.model_dump(mode="json"), headers=headers_of(language))
    headers = {**headers_of(language), "Location": f"/api/changes/{found.id}"}
    told = change_shown(found, language).model_dump(mode="json")
    return JSONResponse(told, HTTPStatus.ACCEPTED, headers)


def _problem(request: Request, status: HTTPStatus, code: str, **members: object) -> Response:
    """Return a problem that tells more than others do."""
    said = {**problem_of(request, status, code), **members}
    headers = headers_of(language_of_request(request))
    return JSONResponse(said, status.value, headers, MEDIA_TYPE)


def _accepted(request: Request, response: Response, change: ChangeView) -> ChangeShown:
    response.headers["Location"] = f"/api/changes/{change.id}"
    return change_shown(change, language_of_request(request))


def _require_good(request: Request, seen: PreviewView) -> None:
    """Raise Problem 422 where the checker finds an error in the text that solves a conflict."""
    if not seen.is_good:
        errors = [each for each in seen.findings if each.severity is Severity.ERROR]
        first = finding_shown(errors[0], language_of_request(request))
        told = {"path": first.path, "line": first.line, "reason": first.text}
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "not-good-text", **told)
