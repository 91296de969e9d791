"""Weight: how much a call may bring, so that nobody fills the memory by sending for ever.

Who is not signed in may bring 64 kB. Who calls is looked up for larger bodies alone, before they
are read. What the routes of hooks and of the door read, they weigh themselves: they know first
who calls.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.types import ASGIApp, Scope

from merlin.api.caller import caller_of
from merlin.api.problems import Problem, answer, unavailable
from merlin.api.services import ApiServices
from merlin.core.body import SMALL, Judge
from merlin.core.errors import MerlinError

_OWN_WAYS = ("/hooks/", "/v1/")


def weighed_by(services: ApiServices) -> Judge:
    """Return what judges how long the body of a call is."""
    most_bytes = services.bounds.body_bytes

    async def judge(scope: Scope, size: int) -> ASGIApp | None:
        if size <= SMALL or scope["path"].startswith(_OWN_WAYS):
            return None
        request = Request(scope)
        try:
            caller = await caller_of(request)
        except Problem as problem:
            refusal = answer(request, problem.status, problem.code, **problem.arguments)
            refusal.headers.update(problem.headers)
            return refusal
        except MerlinError:
            return unavailable(request)
        limit = SMALL if caller.user is None else most_bytes
        return _too_large(request, limit) if size > limit else None

    return judge


def no_room(scope: Scope) -> ASGIApp:
    """Return what answers while too many bodies are under way."""
    return unavailable(Request(scope))


def _too_large(request: Request, limit: int) -> ASGIApp:
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return answer(request, status, "too-large", limit=limit // 1024)
