"""Asked: what the daemon is asked for through the api, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.account import audit
from merlin.api.caller import Caller
from merlin.api.idempotent import once
from merlin.api.language import headers_of, language_of_request
from merlin.api.office.shown import finite, said
from merlin.api.shape import Shape
from merlin.api.teaching.right import services_of
from merlin.core.request import Request as Asked
from merlin.core.request import RequestKind, RequestState

# By which a call that is repeated finds what it asked for already.
CALL = "call"
_RECENT = 100


class RequestShown(Shape):
    """What was asked of the daemon, and how far it is."""

    id: int
    kind: RequestKind
    state: RequestState
    asked_at: datetime
    arguments: dict[str, Any]
    result: dict[str, Any] | None = Field(description="what came of it, once done")
    reason: str = Field(description='why it failed, in the language of the caller, else ""')


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be done, and to what, as the audit names it."""

    kind: RequestKind
    arguments: Mapping[str, object]
    target: str


def request_shown(asked: Asked, language: str) -> RequestShown:
    """Return a request in a language."""
    is_done, told = asked.state is RequestState.DONE, asked.result
    reason = ""
    if asked.state is RequestState.FAILED:
        arguments = told.get("arguments")
        known = arguments if isinstance(arguments, Mapping) else {}
        reason = said(str(told.get("key", "")), known, language)
    return RequestShown(
        id=asked.request_id,
        kind=RequestKind(asked.kind),
        state=asked.state,
        asked_at=asked.created_at,
        arguments={key: value for key, value in asked.arguments.items() if key != CALL},
        result=finite(dict(told)) if is_done else None,
        reason=reason,
    )


async def ask(request: Request, caller: Caller, wish: Wish) -> Response:
    """Ask the daemon, note it in the audit, and return 202 with where to look for the answer.

    With an Idempotency-Key it is asked once.
    """
    services, language = services_of(request), language_of_request(request)
    by = audit.user(caller.user_id)

    async def deed(number: int) -> Response:
        def kept() -> Asked:
            rows, mark = services.rows, str(number)
            for earlier in rows.asked.of(by, _RECENT):
                if earlier.arguments.get(CALL) == mark:
                    return earlier
            asked_id = rows.requests.ask(wish.kind, {**wish.arguments, CALL: mark}, by)
            rows.audit.note(by, f"ask.{wish.kind.value}", wish.target, dict(wish.arguments))
            return rows.requests.get(asked_id)

        shown = request_shown(await services.store.do(kept), language)
        headers = {**headers_of(language), "Location": f"/api/requests/{shown.id}"}
        return JSONResponse(shown.model_dump(mode="json"), HTTPStatus.ACCEPTED, headers)

    return await once(request, caller, deed)
