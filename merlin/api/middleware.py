"""Middleware around every call: security headers, body limits, metrics.

`request_guard` adds a request id that also appears in the log, security headers, one log line and
one metric, and turns an unhandled exception into a problem. It answers HEAD.

Without authentication a body is limited to 64 kB. The caller is identified before a larger body is
read. A body has to declare its size; the routes of webhooks and of /v1 count what they read, after
authentication.
"""

import re
import secrets
import time
from collections import Counter
from http import HTTPStatus

import structlog
from prometheus_client import Counter as CallCounter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.api.auth import identify_caller
from merlin.api.pages.errors import error_page, is_for_person, sign_in_page
from merlin.api.problems import Problem, problem_response, unavailable
from merlin.core.errors import MerlinError
from merlin.core.log import get_logger
from merlin.core.server import content_length, head_as_get

log = get_logger(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


# Model answers take seconds, pages some hundredths of a second.
_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


class Traffic:
    """HTTP metrics of this process; labels never contain values chosen by a client.

    `hooks_refused` counts refused webhook calls by hook: wrong secret or wrong source address.
    """

    def __init__(self) -> None:
        about = "Requests answered by this api process."
        labels = ["method", "route", "status"]
        self.calls = CallCounter(
            "merlin_http_requests_total", about, labels, registry=None
        )
        about = (
            "Duration of requests until the end of the response, by route, in seconds."
        )
        name = "merlin_http_request_seconds"
        self.seconds = Histogram(
            name, about, ["route"], registry=None, buckets=_SECONDS
        )
        self.hooks_refused: Counter[str] = Counter()

    def count(self, method: str, route: str, status: int, took_s: float) -> None:
        """Count one call; `route` is the matched path pattern, "" if none matched."""
        self.calls.labels(method if method in METHODS else "other", route, status).inc()
        self.seconds.labels(route).observe(took_s)


_SELF_CHECKED_PATHS = ("/hooks/", "/v1/")
# Accepted of every body; `core.connections` limits how many at once.
FREE_BYTES = 64 * 1024


def body_limit_layer(app: ASGIApp) -> ASGIApp:
    """Return middleware that refuses requests whose body is too large."""

    async def limit(scope: Scope, receive: Receive, send: Send) -> None:
        is_checked = scope["type"] == "http" and not scope["path"].startswith(
            _SELF_CHECKED_PATHS
        )
        refusal = await _check_body_size(scope) if is_checked else None
        await (refusal or app)(scope, receive, send)

    return limit


async def _check_body_size(scope: Scope) -> ASGIApp | None:
    """Return the answer to a request whose body is too large, None for one that may be read."""
    request = Request(scope)
    if "transfer-encoding" in request.headers:
        return _refuse(request, Problem(HTTPStatus.LENGTH_REQUIRED, "no-length"))
    size = content_length(request.headers)
    if size <= FREE_BYTES:
        return None
    try:
        caller = await identify_caller(request)
    except Problem as error:
        return problem_response(request, error)
    except MerlinError:
        return unavailable(request)
    limit = FREE_BYTES if caller.user is None else caller.services.body_bytes
    if size <= limit:
        return None
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    is_to_sign_in = caller.user is None and is_for_person(request)
    problem = Problem(status, "too-large", limit=limit // 1024)
    return sign_in_page(request) if is_to_sign_in else _refuse(request, problem)


def _refuse(request: Request, problem: Problem) -> ASGIApp:
    if is_for_person(request):
        return error_page(request, problem.status)
    return problem_response(request, problem)


# Sent over HTTPS only: browsers ignore it over plain HTTP, and on localhost it would affect other
# programs.
HSTS = "max-age=31536000"
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Probes are frequent: their log lines would hide the others.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'self' https://web.telegram.org https://*.telegram.org"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def request_guard(app: ASGIApp, traffic: Traffic) -> ASGIApp:
    """Return the outermost middleware of the application."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request_id = _choose_request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()
        status = 0
        request_scope, send_answer = head_as_get(scope, send)

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                _add_headers(message, scope, request_id)
            await send_answer(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await app(request_scope, receive, send_guarded)
            except Exception:
                log.exception("a route failed", path=scope["path"])
                if status:  # partly sent: only closing the connection shows the error
                    raise
                bug = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "bug")
                await problem_response(Request(scope), bug)(
                    scope, receive, send_guarded
                )
            finally:
                took_s = time.perf_counter() - began
                route = getattr(request_scope.get("route"), "path", "")
                traffic.count(scope["method"], route, status, took_s)
                if scope["path"] not in _PROBES:
                    _log_answer(scope, status, took_s)

    return guard


def _choose_request_id(scope: Scope) -> str:
    """Return the proxy's id if it is safe to log, else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)


def _add_headers(start: Message, scope: Scope, request_id: str) -> None:
    """Add the headers of every response, where the route has not set its own."""
    headers = MutableHeaders(scope=start)
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers["X-Request-Id"] = request_id
    if scope.get("scheme") == "https":
        headers["Strict-Transport-Security"] = HSTS


def _log_answer(scope: Scope, status: int, took_s: float) -> None:
    caller = scope["state"].get("caller")
    log.info(
        "request answered",
        method=scope["method"],
        path=scope["path"],
        status=status,
        ms=round(1000 * took_s, 1),
        user=caller.user_id if caller else 0,
    )
