"""What the stand-ins of JSON APIs share: calls with names, which faults hit and tests count."""

from __future__ import annotations

import inspect
import json
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from merlin.core.clock import iso, utc_now
from merlin.openai_protocol.errors import ApiError
from merlin.sandbox.faults import Fault, FaultGate, Faults, fault_routes
from merlin.sandbox.server import StandIn
from merlin.sandbox.web import control_route

MOST_CALLS = 50_000
# (name, method, path, handler) of an address. A handler that is a coroutine function gets the
# request and returns the response, any other one gets what the path names and returns the JSON.
Address = tuple[str, str, str, Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call of an API: when, its name, Idempotence-Key and JSON body, and its status."""

    at: str
    name: str
    key: str
    body: Mapping[str, Any]
    status: int


class ApiStandIn(StandIn):
    """A stand-in of a JSON API, with faults and behaviour on its control side."""

    error = ApiError

    def __init__(
        self, port: int, addresses: Iterable[Address], *pages: BaseRoute, seed: int = 0
    ) -> None:
        """Take the addresses of the API, and the routes of all that faults do not hit."""
        super().__init__(port)
        self.faults = Faults(seed=seed)
        self._calls: deque[ApiCall] = deque(maxlen=MOST_CALLS)
        self._addresses = [self._route(*address) for address in addresses]
        control = [control_route("/control/behaviour", self.change), *fault_routes(self.faults)]
        app = Starlette(
            routes=[*self._addresses, *control, *pages],
            exception_handlers={HTTPException: self._refuse_address},
        )
        self._gate = FaultGate(app, self.faults, self._name_call, self._fault_answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] == "http":
            await self._gate(scope, receive, send)

    @abstractmethod
    def check_key(self, request: Request) -> None:
        """Raise ApiError for a call that does not bring the key."""

    @abstractmethod
    def change(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Change the behaviour from now on; return all of it. Raises ValueError, TypeError."""

    def behave(self, **fields: Any) -> None:
        """Change the behaviour from now on, by its field names. Raises ValueError, TypeError."""
        self._read(lambda: self.change(fields))

    def calls(self, name: str = "") -> list[ApiCall]:
        """Return the calls, oldest first; all, or those of one name ("chat.create")."""
        return self._read(lambda: [call for call in self._calls if name in {"", call.name}])

    def _route(self, name: str, method: str, path: str, handler: Callable[..., Any]) -> Route:
        async def answer(request: Request) -> Response:
            try:
                self.check_key(request)
                if inspect.iscoroutinefunction(handler):
                    response: Response = await handler(request)
                else:
                    response = JSONResponse(handler(**request.path_params))
            except ApiError as error:
                response = JSONResponse(error.as_json(), error.status)
            is_json = request.headers.get("content-type", "").startswith("application/json")
            body = _json_object(await request.body()) if is_json else {}
            key = request.headers.get("idempotence-key", "")
            self._calls.append(ApiCall(iso(utc_now()), name, key, body, response.status_code))
            return response

        return Route(path, answer, methods=[method], name=name)

    async def _name_call(self, request: Request) -> tuple[str, Mapping[str, str]] | None:
        """Return a call's name and arguments for faults: of its path, its metadata, its model."""
        for route in self._addresses:
            matched, found = route.matches(request.scope)
            if matched is Match.FULL:
                body = _json_object(await request.body())
                metadata, told = body.get("metadata"), {"model": body.get("model")}
                told |= found["path_params"] | (metadata if isinstance(metadata, dict) else {})
                return route.name, {name: str(value) for name, value in told.items()}
        return None

    async def _refuse_address(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        words = f"Invalid URL ({request.method} {request.url.path})"
        return JSONResponse(self.error(status, words, code="unknown_url").as_json(), status)

    def _fault_answer(self, fault: Fault) -> Response:
        error = self.error(fault.status, f"The stand-in was told to answer {fault.status}.")
        wait = {} if fault.retry_after_s is None else {"retry-after": str(fault.retry_after_s)}
        return JSONResponse(error.as_json(), fault.status, wait)


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
