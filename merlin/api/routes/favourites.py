"""Favourites: `/api/user/courses`, the Sider of whoever is signed in, and of nobody else."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.key import Scope
from merlin.api.caller import Caller, SignedIn, holding, missing_scope
from merlin.api.course_shapes import CourseShown, Favourite
from merlin.api.course_words import Json, course_said
from merlin.api.described import NOT_MODIFIED, problems
from merlin.api.language import headers_of, language_of_request
from merlin.api.routes.courses import CourseId
from merlin.api.services import ApiServices
from merlin.api.tag import is_known, not_modified, tag_of, tagged
from merlin.core.log import get_logger

log = get_logger(__name__)

router = APIRouter(prefix="/api/user/courses", tags=["favourites"])

Keeper = Annotated[Caller, Depends(holding(Scope.FAVOURITES_WRITE))]
_READING = (Scope.COURSES_READ, Scope.FAVOURITES_WRITE)


@router.get(
    "",
    summary="The courses that you keep at hand",
    response_model=list[CourseShown],
    responses=NOT_MODIFIED | problems(401, 403),
)
async def list_favourites(request: Request, caller: SignedIn) -> Response:
    """Return them in the order in which they were added.

    A key needs the scope `courses:read` or `favourites:write`.
    """
    if not any(caller.has(scope) for scope in _READING):
        raise missing_scope(*_READING)
    services: ApiServices = request.app.state.services
    rows = services.rows
    courses = await services.store.read(
        lambda: rows.listing.cards(rows.favourites.of(caller.user_id))
    )
    language = language_of_request(request)
    return _remembered(request, [course_said(each, language) for each in courses])


@router.post(
    "",
    summary="Keep a course at hand",
    status_code=HTTPStatus.CREATED,
    response_model=CourseShown,
    responses={
        200: {"model": CourseShown, "description": "It is kept already."},
        **problems(401, 403, 404, 409, 422),
    },
)
async def add_favourite(request: Request, asked: Favourite, caller: Keeper) -> Response:
    """Keep an active course; 201 when it is new, 200 when it is kept already, same body."""
    services: ApiServices = request.app.state.services
    rows = services.rows

    def add() -> tuple[bool, Json]:
        is_new = rows.favourites.add(caller.user_id, asked.course_id)
        (course,) = rows.listing.cards([asked.course_id])
        return is_new, course_said(course, language)

    language = language_of_request(request)
    is_new, said = await services.store.do(add)
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return _json(said, language, status)


@router.delete(
    "/{course_id}",
    summary="Let a course go",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=problems(401, 403, 422),
)
async def remove_favourite(request: Request, course_id: CourseId, caller: Keeper) -> Response:
    """Let a course go; 204 whether it was kept or not."""
    services: ApiServices = request.app.state.services
    await services.store.do(lambda: services.rows.favourites.remove(caller.user_id, course_id))
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _remembered(request: Request, said: list[Json]) -> Response:
    """Return a personal answer, or word that the caller has it already."""
    language = language_of_request(request)
    response = _json(said, language, HTTPStatus.OK)
    seed = bytes(response.body) + language.encode()
    tag = tag_of(seed)
    return tagged(not_modified(language) if is_known(request, tag) else response, tag)


def _json(said: object, language: str, status: HTTPStatus) -> Response:
    return Response(to_json(said), status, headers_of(language), "application/json")
