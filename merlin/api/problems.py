"""Problems: every answer that is not what was asked for, as RFC 9457 JSON in the caller's words.

A problem never tells what went on inside: the request id finds it in the log.
"""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.api.language import headers_of, language_of_request
from merlin.core.errors import MerlinError
from merlin.core.log import get_logger, redact
from merlin.core.text import text

log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_CODES = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "wrong-method",
    413: "too-large",
    422: "bad-request",
    503: "unavailable",
}


class Problem(Exception):
    """What a route cannot do: an HTTP status and a code that has a text `api-problem-<code>`."""

    def __init__(self, status: HTTPStatus, code: str, **arguments: object) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.arguments = arguments


def add_problems(app: FastAPI) -> None:
    """Let every error of a route become a problem."""

    @app.exception_handler(Problem)
    async def of_problem(request: Request, error: Problem) -> Response:
        return answer(request, error.status, error.code, **error.arguments)

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, "bad-request")
        response = answer(request, HTTPStatus(error.status_code), code)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    async def of_wrong_values(request: Request, _error: RequestValidationError) -> Response:
        return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, "bad-request")

    @app.exception_handler(MerlinError)
    async def of_merlin(request: Request, error: MerlinError) -> Response:
        log.warning("the database did not answer", reason=redact(str(error)))
        return unavailable(request)


def unavailable(request: Request) -> Response:
    """Return "not now, come again", for callers that try again by themselves."""
    response = answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable")
    response.headers["Retry-After"] = "5"
    return response


def answer(request: Request, status: HTTPStatus, code: str, **arguments: object) -> Response:
    """Return one problem; title and detail in the caller's language."""
    language = language_of_request(request)
    body = {
        "type": f"urn:merlin:problem:{code}",
        "title": text(language, f"api-problem-{code}"),
        "status": status.value,
        "detail": text(language, f"api-problem-{code}-detail", **arguments),
        "instance": request.url.path,
        "request_id": getattr(request.state, "request_id", ""),
    }
    return JSONResponse(body, status.value, headers_of(language), MEDIA_TYPE)
