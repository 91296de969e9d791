"""What is asked of the daemon: how an act that asks it is answered, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Protocol

from fastapi import Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from merlin.account.api_keys import Scope
from merlin.api.auth import Caller, RequiredAccess
from merlin.api.idempotency import run_once
from merlin.api.problems import NAMED, problems
from merlin.api.schema import Id, Shape, operation_router, shape_response
from merlin.app import requests
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.views import finite
from merlin.core.i18n import stored_text
from merlin.db.requests import Request as Asked
from merlin.db.requests import RequestKind, RequestState


class RequestShown(Shape):
    """What was asked of the daemon, and how far it is."""

    id: int
    kind: RequestKind
    state: RequestState
    asked_at: datetime
    arguments: dict[str, Any]
    result: dict[str, Any] | None = Field(description="what came of it, once done")
    reason: str = Field(description='why it failed, in the language of the caller, else ""')


RequestList = TypedDict("RequestList", {"requests": list[RequestShown]})


# A route that asks the daemon; with an Idempotency-Key once.
ASKED: dict[str, Any] = {
    "status_code": HTTPStatus.ACCEPTED,
    "response_model": None,
    "openapi_extra": NAMED,
    "responses": {
        202: {"model": RequestShown, "description": "The daemon was asked"},
        **problems(404),
    },
}


def request_shown(asked: Asked, language: str) -> RequestShown:
    """Return a request in a language."""
    is_done = asked.state is RequestState.DONE
    return RequestShown(
        id=asked.request_id,
        kind=RequestKind(asked.kind),
        state=asked.state,
        asked_at=asked.created_at,
        arguments=dict(asked.arguments),
        result=finite(dict(asked.result)) if is_done else None,
        reason=failure(asked, language),
    )


def failure(asked: Asked, language: str) -> str:
    """Return why the daemon refused, "" where it did not."""
    if asked.state is not RequestState.FAILED:
        return ""
    arguments = asked.result.get("arguments")
    known = arguments if isinstance(arguments, Mapping) else {}
    return stored_text(language, str(asked.result.get("key", "")), known)


class RequestAct(Protocol):
    """An act that asks the daemon for something; with the same `once` it is asked once."""

    def __call__(self, ctx: Context, actor: Actor, /, *, once: str) -> Asked:
        """Return the request."""


async def accepted(request: Request, caller: Caller, act: RequestAct) -> Response:
    """Return 202 with where to look for what comes of it; with an Idempotency-Key asked once."""

    async def deed(number: int) -> Response:
        asked = await caller.write(act, once=str(number))
        shown = request_shown(asked, caller.language)
        where = f"/api/requests/{shown.id}"
        return shape_response(shown, caller.language, HTTPStatus.ACCEPTED, where)

    return await run_once(request, caller, deed)


router = operation_router(prefix="/api/requests", tags=["verdicts"])
Asker = Annotated[Caller, Depends(RequiredAccess(Scope.JOBS_READ))]


@router.get("", summary="What you asked of the daemon")
async def list_requests(caller: Asker) -> RequestList:
    """Return your own ones."""
    found = await caller.read(requests.recent)
    return {"requests": [request_shown(each, caller.language) for each in found]}


@router.get("/{request_id}", summary="What came of a request", responses=problems(404))
async def show_request(caller: Asker, request_id: Id) -> RequestShown:
    """Return your own one, or any of a dataset that you may watch."""
    found = await caller.read(requests.get, request_id)
    return request_shown(found, caller.language)
