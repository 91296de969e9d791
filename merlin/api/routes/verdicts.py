"""Verdicts: what each commit led to, with what the checker said; requests of the daemon."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from merlin.account import audit
from merlin.account.key import Scope
from merlin.account.role import Permission, Role
from merlin.api.caller import Caller, holding
from merlin.api.described import problems
from merlin.api.language import language_of_request
from merlin.api.office.asked import RequestShown, request_shown
from merlin.api.office.listing import part
from merlin.api.office.right import Watching, pipeline_of
from merlin.api.office.shown import VerdictShown, verdict_shown
from merlin.api.paging import Page, page_of
from merlin.api.problems import Problem
from merlin.api.shape import DatasetName, Id, Shape
from merlin.api.teaching.right import services_of
from merlin.core.errors import NotFound
from merlin.core.request import Request as Asked

router = APIRouter(prefix="/api", tags=["verdicts"])

Asker = Annotated[Caller, Depends(holding(Scope.JOBS_READ))]


class VerdictList(Shape):
    """Verdicts, newest first."""

    verdicts: list[VerdictShown]


class RequestList(Shape):
    """What you asked of the daemon, newest first; the last fifty."""

    requests: list[RequestShown]


@router.get("/verdicts", summary="What commits led to", responses=problems(401, 403, 404, 422))
async def list_verdicts(
    request: Request,
    response: Response,
    caller: Watching,
    page: Annotated[Page, Depends(page_of)],
    dataset: DatasetName = "",
    commit: Annotated[
        str, Query(pattern="^([0-9a-f]{4,64})?$", description="an id, or how it begins")
    ] = "",
) -> VerdictList:
    """Return one part of them, the newest first."""
    read = partial(pipeline_of(request).lists.verdicts, commit=commit)
    told = await part(request, response, caller, (page, dataset), read)
    language = language_of_request(request)
    return VerdictList(verdicts=[verdict_shown(each, language) for each in told])


@router.get("/requests", summary="What you asked of the daemon", responses=problems(401, 403))
async def list_requests(request: Request, caller: Asker) -> RequestList:
    """Return your own ones."""
    services, by = services_of(request), audit.user(caller.user_id)
    found = await services.store.read(lambda: services.rows.asked.of(by))
    language = language_of_request(request)
    return RequestList(requests=[request_shown(each, language) for each in found])


@router.get(
    "/requests/{request_id}",
    summary="What came of a request",
    responses=problems(401, 403, 404, 422),
)
async def show_request(request: Request, caller: Asker, request_id: Id) -> RequestShown:
    """Return your own one, or any of a dataset that you may watch."""
    services = services_of(request)
    try:
        found = await services.store.read(lambda: services.rows.requests.get(request_id))
    except NotFound:
        found = None
    if found is None or not _is_theirs(caller, found):
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")
    return request_shown(found, language_of_request(request))


def _is_theirs(caller: Caller, found: Asked) -> bool:
    if found.by == audit.user(caller.user_id):
        return True
    dataset = found.arguments.get("dataset")
    is_everywhere = caller.standing.role is not Role.TEACHER
    is_known = is_everywhere or isinstance(dataset, str)
    return is_known and caller.may(Permission.WATCH, str(dataset) if dataset else None)
