"""Problems: every answer that is not what was asked for, as RFC 9457 JSON in the caller's words.

A problem never tells what went on inside: the request id finds it in the log.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.api.door import shape
from merlin.api.language import headers_of, language_of_request
from merlin.api.wrong import wrong_values
from merlin.core.errors import (
    DatasetError,
    MerlinError,
    NotFound,
    Refused,
    TillAway,
    TillError,
)
from merlin.core.log import get_logger, redact
from merlin.core.text import text

log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
# What lets a program in (RFC 9110, 11.6.1); browsers ask nobody for it by themselves.
CHALLENGE = 'Bearer realm="merlin"'
_CODES = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "wrong-method",
    413: "too-large",
    422: "wrong-value",
    503: "unavailable",
}
# What was refused on purpose; any other MerlinError is about an outside service, and may pass.
_REFUSALS: tuple[tuple[type[MerlinError], HTTPStatus, str], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND, "not-found"),
    (Refused, HTTPStatus.CONFLICT, "refused"),
    (DatasetError, HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-value"),
)


class Problem(Exception):
    """What a route cannot do: an HTTP status and a code that has a text `api-problem-<code>`."""

    def __init__(self, status: HTTPStatus, code: str, **arguments: object) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.arguments = arguments
        self.headers: dict[str, str] = {}


def add_problems(app: FastAPI) -> None:
    """Let every error of a route become a problem."""

    @app.exception_handler(Problem)
    async def of_problem(request: Request, error: Problem) -> Response:
        response = answer(request, error.status, error.code, **error.arguments)
        response.headers.update(error.headers)
        return response

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        if status is HTTPStatus.BAD_REQUEST:  # a body that is no text, as one that is no JSON
            status = HTTPStatus.UNPROCESSABLE_ENTITY
        response = answer(request, status, _CODES.get(status, "bad-request"))
        response.headers.update(error.headers or {})
        return _with_methods(app, request, response)

    @app.exception_handler(RequestValidationError)
    async def of_wrong_values(request: Request, error: RequestValidationError) -> Response:
        return _of_values(request, error)

    @app.exception_handler(MerlinError)
    async def of_merlin(request: Request, error: MerlinError) -> Response:
        for kind, status, code in _REFUSALS:
            if isinstance(error, kind):
                return _shown(request, _in_its_words(request, status, code, error))
        log.warning("the database did not answer", reason=redact(str(error)))
        return unavailable(request)

    app.add_exception_handler(TillError, _of_till)


def _of_till(request: Request, error: Exception) -> Response:
    """Return what became of a payment that was asked for; why is in the log."""
    if not isinstance(error, TillAway):
        return answer(request, HTTPStatus.BAD_GATEWAY, "till-refused")
    response = answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "till-away")
    response.headers["Retry-After"] = "30"
    return response


def _of_values(request: Request, error: RequestValidationError) -> Response:
    if isinstance(error.body, bytes):  # FastAPI reads what is called JSON, and nothing else
        return answer(request, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json")
    errors = wrong_values(error.errors(), language_of_request(request))
    said = problem_of(request, HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-value")
    return _shown(request, {**said, "errors": errors})


def _with_methods(app: FastAPI, request: Request, response: Response) -> Response:
    """Let `Allow` name the methods of every route at this address; each knows its own alone."""
    if "allow" in response.headers:
        here = request.scope["path"]
        every = (one for one in iter_route_contexts(app.routes) if one.methods)
        met = (one.methods or () for one in every if one.path_regex.match(here))
        found = {method for methods in met for method in methods}
        found |= {"HEAD"} if "GET" in found else set()  # `guards` sees to it
        response.headers["Allow"] = ", ".join(sorted(found))
    return response


def unavailable(request: Request) -> Response:
    """Return "not now, come again", for callers that try again by themselves."""
    response = answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable")
    response.headers["Retry-After"] = "5"
    return response


def answer(request: Request, status: HTTPStatus, code: str, **arguments: object) -> Response:
    """Return one problem; title and detail in the caller's language."""
    return _shown(request, problem_of(request, status, code, **arguments))


def problem_of(
    request: Request, status: HTTPStatus, code: str, **arguments: object
) -> dict[str, object]:
    """Return what a problem says; title and detail in the caller's language."""
    language = language_of_request(request)
    return {
        "type": f"urn:merlin:problem:{code}",
        "title": text(language, f"api-problem-{code}"),
        "status": status.value,
        "detail": text(language, f"api-problem-{code}-detail", **arguments),
        # Not of `request.url`, which a wild Host header breaks.
        "instance": quote(request.scope["path"], errors="replace"),
        "request_id": getattr(request.state, "request_id", ""),
    }


def _in_its_words(
    request: Request, status: HTTPStatus, code: str, error: MerlinError
) -> dict[str, object]:
    """Return the problem of an error, whose own text is the detail where it has one."""
    said = problem_of(request, status, code)
    if error.key != "error-plain":
        said["detail"] = text(language_of_request(request), error.key, **error.arguments)
    return said


def _shown(request: Request, said: dict[str, object]) -> Response:
    headers = headers_of(language_of_request(request))
    status = int(str(said["status"]))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    if request.scope["path"].startswith(shape.ROOT):
        return JSONResponse(shape.of_problem(said), status, headers)
    return JSONResponse(said, status, headers, MEDIA_TYPE)
