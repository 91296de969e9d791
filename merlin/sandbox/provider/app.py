"""The provider's stand-in as one ASGI application."""

from __future__ import annotations

import hmac
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from merlin.core.clock import iso, utc_now
from merlin.sandbox.faults import Fault, FaultGate, Faults
from merlin.sandbox.provider.account_routes import AccountRoutes, Handler
from merlin.sandbox.provider.behaviour import Behaviour
from merlin.sandbox.provider.completions import Completions
from merlin.sandbox.provider.control import control_routes
from merlin.sandbox.provider.errors import ProtocolError
from merlin.sandbox.provider.training import Account

MOST_CALLS = 50_000


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What a stand-in is started with.

    `folder` keeps files and jobs over restarts (None: in memory). With a `key` every call needs
    it as a bearer; without one any key will do, but one there must be.
    """

    folder: Path | None = None
    key: str = ""
    behaviour: Behaviour = field(default_factory=Behaviour)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """One call: when, which, its JSON body, and the status that it was answered with."""

    at: str
    name: str
    body: Mapping[str, Any]
    status: int


class ProviderApp:
    """ASGI application; one for each time that the stand-in is started over its account."""

    def __init__(
        self, account: Account, key: str, faults: Faults, calls: deque[ProviderCall]
    ) -> None:
        self._account = account
        self._key = key
        self._calls = calls
        completions = Completions(account)
        rest = AccountRoutes(account, completions)
        self._routes = [
            self._route("chat.create", "POST", "/v1/chat/completions", completions.create),
            self._route(
                "audio.transcribe", "POST", "/v1/audio/transcriptions", completions.transcribe
            ),
            *(self._route(*one) for one in rest.table()),
        ]
        routes = [*self._routes, *control_routes(account, faults)]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _no_such_call})
        self._gate = FaultGate(app, faults, self._name, _fault_answer)

    async def open(self) -> None:
        """Begin."""

    async def close(self) -> None:
        """Let go of the journal."""
        self._account.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] == "http":
            await self._gate(scope, receive, send)

    def _route(self, name: str, method: str, path: str, handler: Handler) -> Route:
        async def answer(request: Request) -> Response:
            response = await self._guarded(handler, request)
            body = await _json_body(request)
            self._calls.append(ProviderCall(iso(utc_now()), name, body, response.status_code))
            return response

        return Route(path, answer, methods=[method], name=name)

    async def _guarded(self, handler: Handler, request: Request) -> Response:
        try:
            self._check_key(request)
            return await handler(request)
        except ProtocolError as error:
            return JSONResponse(error.as_json(), error.status)

    def _check_key(self, request: Request) -> None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not key:
            raise ProtocolError(401, "You didn't provide an API key.")
        if self._key and not hmac.compare_digest(key.encode(), self._key.encode()):
            raise ProtocolError(401, "Incorrect API key provided.")

    def _name(self, scope: Scope, _body: bytes) -> tuple[str, Mapping[str, str]] | None:
        for route in self._routes:
            matched, found = route.matches(scope)
            if matched is Match.FULL:
                return str(route.name), {k: str(v) for k, v in found["path_params"].items()}
        return None


def create_app(settings: ProviderSettings, faults: Faults | None = None) -> ProviderApp:
    """Return the stand-in, with what its folder kept."""
    account = Account(settings.folder, settings.behaviour)
    calls: deque[ProviderCall] = deque(maxlen=MOST_CALLS)
    return ProviderApp(account, settings.key, faults or Faults(seed=settings.seed), calls)


async def _json_body(request: Request) -> Mapping[str, Any]:
    """Return what a call asked in JSON; nothing for uploads and for what cannot be read."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        return {}
    try:
        body = json.loads(await request.body())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


async def _no_such_call(request: Request, error: Exception) -> Response:
    words = f"Invalid URL ({request.method} {request.url.path})"
    status = error.status_code if isinstance(error, HTTPException) else 404
    return JSONResponse(ProtocolError(status, words, code="unknown_url").as_json(), status)


def _fault_answer(fault: Fault) -> Response:
    error = ProtocolError(fault.status, f"The stand-in was told to answer {fault.status}.")
    wait = {} if fault.retry_after_s is None else {"retry-after": str(fault.retry_after_s)}
    return JSONResponse(error.as_json(), fault.status, wait)
