"""What stands around every call: guards, size bounds, path alias, counts.

`RequestGuard` gives each call a request id that also stands in the log, headers that keep browsers
careful, one log line and one count, and a problem instead of a trace when a route has a bug. HEAD
is answered as GET, without the body (RFC 9110, 9.3.2): no route has to know of it.

Nobody may fill the memory by sending for ever: who is not signed in may bring 64 kB. Who calls is
looked up for larger bodies alone, before they are read. The routes of hooks and of /v1 weigh
bodies themselves: they know first who calls.

`/api/v1/…` is the same as `/api/…`, and no second description of it. A later version that differs
gets routes of its own before this layer; until then programs may name the version that they were
written for.
"""

from __future__ import annotations

import re
import secrets
import time
from collections import Counter
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any

import structlog
from prometheus_client import Counter as CallCounter
from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.api.auth import identify_caller
from merlin.api.problems import Problem, answer, problem_response, unavailable
from merlin.api.services import ApiServices
from merlin.core.errors import MerlinError
from merlin.core.log import get_logger
from merlin.core.server import SMALL, Judge

PREFIX = "/api/"
VERSIONED = "/api/v1/"


class PathAlias:
    """A layer that hands on versioned calls as those of the one api."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand one call on; log, counters and problems name its plain path."""
        path = scope.get("path", "")
        if path.startswith(VERSIONED):
            scope["path"] = PREFIX + path[len(VERSIONED) :]
            raw = scope.get("raw_path") or b""
            scope["raw_path"] = raw.replace(VERSIONED.encode(), PREFIX.encode(), 1)
        await self._app(scope, receive, send)


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


# An answer of a model takes seconds, a page some hundredths of one.
_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


class Traffic:
    """Calls since the process began; a label is never a word that a caller made up.

    `hooks_refused` counts calls of hooks, by name, that did not prove a secret or come from where
    they must.
    """

    def __init__(self) -> None:
        about = "Calls that this api process has answered."
        labels = ["method", "route", "status"]
        self.calls = CallCounter("merlin_http_requests_total", about, labels, registry=None)
        about = "How long calls took, to the end of their answers, by route."
        name = "merlin_http_request_seconds"
        self.seconds = Histogram(name, about, ["route"], registry=None, buckets=_SECONDS)
        self.hooks_refused: Counter[str] = Counter()

    def count(self, method: str, route: str, status: int, took_s: float) -> None:
        """Add one call; `route` is the pattern it met, "" where there is none."""
        self.calls.labels(method if method in METHODS else "other", route, status).inc()
        self.seconds.labels(route).observe(took_s)


_OWN_WAYS = ("/hooks/", "/v1/")


def body_weight_rule(services: ApiServices) -> Judge:
    """Return what judges how long the body of a call is."""
    most_bytes = services.bounds.body_bytes

    async def judge(scope: Scope, size: int) -> ASGIApp | None:
        if size <= SMALL or scope["path"].startswith(_OWN_WAYS):
            return None
        request = Request(scope)
        try:
            caller = await identify_caller(request)
        except Problem as problem:
            return problem_response(request, problem)
        except MerlinError:
            return unavailable(request)
        limit = SMALL if caller.user is None else most_bytes
        return _too_large(request, limit) if size > limit else None

    return judge


def busy_response(scope: Scope) -> ASGIApp:
    """Return what answers while too many bodies are under way."""
    return unavailable(Request(scope))


def _too_large(request: Request, limit: int) -> ASGIApp:
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return answer(request, status, "too-large", limit=limit // 1024)


log = get_logger(__name__)

# Over plain http browsers pass it over, and on this machine it would shut other programs out.
HSTS = "max-age=31536000"
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Probes come every few seconds; their lines would bury the others.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' https://telegram.org; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'self' https://web.telegram.org https://*.telegram.org"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class RequestGuard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call under guard."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        call = _Call(scope, send, request_id)
        asked = {**scope, "method": "GET"} if call.is_head else scope
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(asked, receive, call.send)
            except Exception:
                log.exception("a route failed", path=scope["path"])
                if call.status:  # half an answer is out: closing the connection says so
                    raise
                problem = answer(Request(scope), HTTPStatus.INTERNAL_SERVER_ERROR, "bug")
                await problem(scope, receive, call.send)
            finally:
                self._note(scope, getattr(asked.get("route"), "path", ""), call)

    def _note(self, scope: Scope, route: str, call: _Call) -> None:
        took_s = time.perf_counter() - call.began
        self._traffic.count(scope["method"], route, call.status, took_s)
        if scope["path"] not in _PROBES:
            log.info(
                "request answered",
                method=scope["method"],
                path=scope["path"],
                status=call.status,
                ms=round(1000 * took_s, 1),
            )


class _Call:
    """One call's answer on its way out."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._is_secure = scope.get("scheme") == "https"
        self.is_head = scope["method"] == "HEAD"
        self.status = 0
        self.began = time.perf_counter()

    async def send(self, message: Message) -> None:
        """Pass a message on; the first one gets the headers."""
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            self._add_headers(message)
        elif self.is_head:
            message = {**message, "body": b""}
        await self._send(message)

    def _add_headers(self, message: MutableMapping[str, Any]) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("Cache-Control", "no-store")
        headers["X-Request-Id"] = self._request_id
        if self._is_secure:
            headers["Strict-Transport-Security"] = HSTS


def _request_id(scope: Scope) -> str:
    """Return the id that a proxy gave, if it is harmless to repeat; else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
