"""What stands around every call: guards, size bounds, path alias, counts.

`request_guard` gives each call a request id that also stands in the log, headers that keep browsers
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
from http import HTTPStatus

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


def path_alias(app: ASGIApp) -> ASGIApp:
    """Return a layer that hands on versioned calls as those of the one api."""

    async def hand_on(scope: Scope, receive: Receive, send: Send) -> None:
        # Log, counters and problems name the plain path.
        path = scope.get("path", "")
        if path.startswith(VERSIONED):
            scope["path"] = PREFIX + path[len(VERSIONED) :]
            raw = scope.get("raw_path") or b""
            scope["raw_path"] = raw.replace(VERSIONED.encode(), PREFIX.encode(), 1)
        await app(scope, receive, send)

    return hand_on


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
    most_bytes = services.body_bytes

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
        if size <= limit:
            return None
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return answer(request, status, "too-large", limit=limit // 1024)

    return judge


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


def request_guard(app: ASGIApp, traffic: Traffic) -> ASGIApp:
    """Return the outermost layer of the application."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        # One that a proxy gave, if it is harmless to repeat.
        request_id = given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        is_head, began, status = scope["method"] == "HEAD", time.perf_counter(), 0
        request_scope = {**scope, "method": "GET"} if is_head else scope

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                _add_headers(message, request_id, is_secure=scope.get("scheme") == "https")
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await app(request_scope, receive, send_guarded)
            except Exception:
                log.exception("a route failed", path=scope["path"])
                if status:  # half an answer is out: closing the connection says so
                    raise
                problem = answer(Request(scope), HTTPStatus.INTERNAL_SERVER_ERROR, "bug")
                await problem(scope, receive, send_guarded)
            finally:
                took_s, method, path = time.perf_counter() - began, scope["method"], scope["path"]
                route = getattr(request_scope.get("route"), "path", "")
                traffic.count(method, route, status, took_s)
                if path not in _PROBES:
                    ms = round(1000 * took_s, 1)
                    arguments = {"method": method, "path": path, "status": status, "ms": ms}
                    caller = scope["state"].get("caller")
                    log.info("request answered", **arguments, user=caller.user_id if caller else 0)

    return guard


def _add_headers(message: Message, request_id: str, *, is_secure: bool) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")
    headers["X-Request-Id"] = request_id
    if is_secure:
        headers["Strict-Transport-Security"] = HSTS
