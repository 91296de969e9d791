"""What a form asks is done by the routes of the api, so that no rule is said twice.

Every form carries a mark of its own, which is its Idempotency-Key: pressed twice, it acts once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Form
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message

from merlin.api.idempotency import KEY_HEADER, run_once
from merlin.api.pages.page import PATTERN, PageRequest
from merlin.api.problems import Problem, wrong_values
from merlin.core.errors import DatasetError, Forbidden, MerlinError, Refused
from merlin.core.i18n import text

Mark = Annotated[str, Form(pattern=PATTERN)]
# What a form was refused for, to be said beside it; all else is a page of its own.
REFUSALS = (Problem, Forbidden, Refused, DatasetError, ValidationError)
_RUNNING = "urn:merlin:problem:idempotency-running"
_TRIES, _PAUSE_S = 50, 0.1
_BAD = 400

Deed = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route of the api answered."""

    status: int
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Return whether it did what was asked."""
        return self.status < _BAD


async def call_route_once(visit: PageRequest, key: str, deed: Deed) -> Answer:
    """Return what a route answers that knows the Idempotency-Key by itself."""
    request = await as_api_request(visit, key)
    response = await deed(request)
    for _ in range(_TRIES):
        if not _is_running(response):
            break
        await asyncio.sleep(_PAUSE_S)
        response = await deed(request)
    return _answer(response)


async def call_route(visit: PageRequest, key: str, deed: Deed) -> Answer:
    """Return what any other route answers, and what it answered first where the form came twice."""
    plain = await as_api_request(visit)

    async def outer(request: Request) -> Response:
        return await run_once(request, visit.caller, lambda _: deed(plain))

    return await call_route_once(visit, key, outer)


async def preview_route(visit: PageRequest, deed: Deed) -> Answer:
    """Return what a route answers that changes nothing."""
    return _answer(await deed(await as_api_request(visit)))


async def as_api_request(visit: PageRequest, key: str = "") -> Request:
    """Return this call as a route of the api sees it: in the page's language, with a key."""
    page = visit.request
    fields = (await page.form()).multi_items() if page.method == "POST" else []
    body = repr([(name, str(value)) for name, value in fields]).encode("utf-8", "replace")
    replaced = {b"accept-language", KEY_HEADER.lower().encode()}
    headers = [each for each in page.scope["headers"] if each[0].lower() not in replaced]
    headers.append((b"accept-language", visit.language.encode()))
    if key:
        headers.append((KEY_HEADER.lower().encode(), key.encode()))

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({**page.scope, "headers": headers}, receive)


def as_response(value: BaseModel | None) -> Response:
    """Return what a route returned as the answer that would be sent."""
    return JSONResponse(value.model_dump(mode="json") if value is not None else {})


def refusal_text(visit: PageRequest, error: Exception) -> str:
    """Return the words of one of `REFUSALS`; raises it where it says that nothing is there."""
    match error:
        case Problem():
            if error.status is HTTPStatus.NOT_FOUND:
                raise error
            return text(visit.language, f"api-problem-{error.code}-detail", **error.arguments)
        case ValidationError():
            wrong = wrong_values(error.errors(), visit.language)
            return " ".join(f"{each['pointer'].strip('/')}: {each['detail']}" for each in wrong)
        case MerlinError():
            return text(visit.language, error.key, **error.arguments)
        case _:
            raise error


def _is_running(response: Response) -> bool:
    if response.status_code != HTTPStatus.CONFLICT:
        return False
    return _answer(response).said.get("type") == _RUNNING


def _answer(response: Response) -> Answer:
    return Answer(response.status_code, json.loads(bytes(response.body) or b"{}"))
