"""The hooks: what outside services call when something has happened.

Telegram's update is stored before it is answered, so none is lost. The others are believed in
nothing: they only wake somebody who asks the service itself, and must prove who calls.
"""

from __future__ import annotations

import hmac
import json
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.body import HOOK_BYTES, read_body
from merlin.api.described import problems
from merlin.api.hook_secrets import may_call
from merlin.api.problems import Problem
from merlin.api.services import ApiServices
from merlin.core.killpoint import reached
from merlin.inbox.update import Update, read_update

router = APIRouter(prefix="/hooks", tags=["hooks"])

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
# Only who knows the secret gets so far; a refusal would make Telegram send it for ever.
TELEGRAM_BYTES = 1024 * 1024
EMPTY: dict[str, Any] = {"description": "Nothing more is said", "content": {}}
_RUNG: dict[int | str, dict[str, Any]] = {202: EMPTY, **problems(400, 401, 413)}
_SECRET = {
    "name": SECRET_HEADER,
    "in": "header",
    "description": "the word that Telegram was told when the hook was set",
    "schema": {"type": "string"},
}
_UPDATE = {
    "description": "https://core.telegram.org/bots/api#update",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


@router.post(
    "/telegram",
    summary="An update of Telegram",
    response_class=Response,
    responses={200: EMPTY, **problems(400, 401, 404, 413)},
    openapi_extra={"parameters": [_SECRET], "requestBody": _UPDATE},
)
async def telegram(request: Request) -> Response:
    """Store one update, then answer 200; whatever else is answered, Telegram sends it again."""
    services: ApiServices = request.app.state.services
    if services.store_update is None or not services.telegram_secret:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")
    given = request.headers.get(SECRET_HEADER, "")
    if not hmac.compare_digest(given.encode("latin-1"), services.telegram_secret.encode()):
        raise _refused(request, "telegram")
    update = _update_in(await read_body(request, TELEGRAM_BYTES))
    await services.store_update(update)
    reached("update.stored")
    return Response(status_code=HTTPStatus.OK)


def _update_in(body: bytes) -> Update:
    try:
        return read_update(json.loads(body))
    except (ValueError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-request") from error


@router.post(
    "/git",
    summary="The repository has a new commit",
    status_code=HTTPStatus.ACCEPTED,
    response_class=Response,
    responses=_RUNG,
)
async def git(request: Request) -> Response:
    """Let the daemon fetch the repository now."""
    return await _rung(request, "git")


@router.post(
    "/provider",
    summary="A fine-tune job has news",
    status_code=HTTPStatus.ACCEPTED,
    response_class=Response,
    responses=_RUNG,
)
async def provider(request: Request) -> Response:
    """Let the daemon look at its fine-tune jobs now."""
    return await _rung(request, "provider")


async def _rung(request: Request, name: str) -> Response:
    body = await read_body(request, HOOK_BYTES)
    if not may_call(request, name, body):
        raise _refused(request, name)
    request.app.state.bells[name].ring()
    return Response(status_code=HTTPStatus.ACCEPTED)


def _refused(request: Request, name: str) -> Problem:
    request.app.state.traffic.hooks_refused[name] += 1
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized")
