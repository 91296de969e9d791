"""Errors in the caller's language: RFC 9457 problems, and OpenAI error objects under /v1.

Every unsuccessful answer is a problem. It shows no internals: the request id finds them in the log.
Values from the request are not repeated, only their location, so that a log or page with a problem
contains no secrets.

Routes declare what not every route can answer for OpenAPI:

    @router.get("/{course_id}", responses=problems(409))
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from merlin.app.sign_in import Blocked
from merlin.core.errors import (
    DatasetError,
    Forbidden,
    MerlinError,
    NotFound,
    Refused,
)
from merlin.core.i18n import cut, text
from merlin.core.log import get_logger, redact
from merlin.core.server import read_chunks
from merlin.core.web.browser import language_of_header
from merlin.openai_protocol.errors import NO_CREDIT, TOO_OFTEN, ApiError, error_object

log = get_logger(__name__)


def language_of_request(request: Request) -> str:
    """Return the language of the answer to a request."""
    default: str = request.app.state.services.config.language
    return language_of_header(request.headers.get("accept-language", ""), default)


def headers_of(language: str) -> dict[str, str]:
    """Return the language headers of an answer, by which caches distinguish languages."""
    return {"Content-Language": language, "Vary": "Accept-Language"}


MAX_ERRORS = 20
_PLACES = frozenset({"body", "query", "path", "header", "cookie"})
# Errors of ours, with their texts `api-wrong-<type>`; all others have pydantic's own words.
_OWN = frozenset({"title", "material_source", "repeated", "character", "https"})


def validation_errors(
    errors: Sequence[Mapping[str, Any]], language: str
) -> list[dict[str, str]]:
    """Return the first `MAX_ERRORS` validation errors: place, JSON pointer and message of each."""
    return [_validation_error(error, language) for error in errors[:MAX_ERRORS]]


def _validation_error(error: Mapping[str, Any], language: str) -> dict[str, str]:
    place, *path = error["loc"] or ("body",)
    context = error.get("ctx", {})
    kind = error["type"]
    if kind == "string_pattern_mismatch":
        kind, context = _pattern_fault(error["input"], context)
    if kind == "json_invalid":
        path = []  # pydantic reports a byte offset, which is no pointer
    own = f"api-wrong-{kind.replace('_', '-')}"
    detail = (
        text(language, own, **context) if kind in _OWN else f"{cut(error['msg'], 500)}."
    )
    return {
        "place": place if place in _PLACES else "body",
        "pointer": "".join(f"/{_token(step)}" for step in path),
        "detail": detail,
    }


def _pattern_fault(
    value: str, context: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    """Return the type and context of the error of a text that does not match a pattern.

    It names the first invisible character that the pattern never matches, with its line.
    """
    pattern: str = context["pattern"]
    for position, character in enumerate(value):
        if not (character.isprintable() or re.search(pattern, character)):
            line = str(value.count("\n", 0, position) + 1)
            return "character", {"code": f"U+{ord(character):04X}", "line": line}
    return (
        "https" if pattern.startswith("^https://") else "string_pattern_mismatch"
    ), context


def _token(part: object) -> str:
    """Return one reference token of a JSON pointer: RFC 6901, section 3."""
    segment = str(part).encode("utf-8", "replace").decode()
    return segment.replace("~", "~0").replace("/", "~1")[:100]


ROOT = "/v1/"
# Codes that clients of the protocol handle; all others are ours.
_OPENAI_CODES = {
    "unauthorized": "invalid_api_key",
    "no-key": "invalid_api_key",
    "too-many": TOO_OFTEN,
}


def refusal(
    language: str,
    status: HTTPStatus,
    key: str,
    code: str,
    param: str | None = None,
    *,
    retry_after_s: int | None = None,
    **arguments: Any,
) -> ApiError:
    """Return an OpenAI error with the text `openai-<key>` and the protocol's code."""
    error = ApiError(
        status, text(language, f"openai-{key}", **arguments), code=code, param=param
    )
    error.headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    if code == NO_CREDIT:
        # Otherwise clients would retry within seconds, in vain.
        error.headers["X-Should-Retry"] = "false"
    return error


def field_error(language: str, param: str, key: str, **arguments: Any) -> ApiError:
    """Return the OpenAI error of an invalid field."""
    status = HTTPStatus.BAD_REQUEST
    code = "invalid_value"
    return refusal(language, status, key, code, param, **arguments)


MEDIA_TYPE = "application/problem+json"
# RFC 9110, 11.6.1; browsers do not prompt for a Bearer token.
CHALLENGE = 'Bearer realm="merlin"'
# Paths of the OpenAI protocol: a client's base URL lacks /v1, or has it twice.
_OF_PROTOCOL = ("/chat/completions", "/responses", "/models")
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
_OWN_CODE = "api-problem-"
# Deliberate refusals; any other MerlinError is a failure of an outside service and may be
# temporary.
REFUSALS: tuple[tuple[type[MerlinError], HTTPStatus, str], ...] = (
    (Blocked, HTTPStatus.FORBIDDEN, "blocked"),
    (NotFound, HTTPStatus.NOT_FOUND, "not-found"),
    (Forbidden, HTTPStatus.FORBIDDEN, "forbidden"),
    (Refused, HTTPStatus.CONFLICT, "refused"),
    (DatasetError, HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-value"),
)


class Problem(Exception):
    """An HTTP error: a status and a code with a text `api-problem-<code>`."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        headers: Mapping[str, str] | None = None,
        **arguments: object,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.headers = headers or {}
        self.arguments = arguments


def status_of(error: Problem | MerlinError) -> int:
    """Return the HTTP status of an error; 503 for one that may be temporary."""
    if isinstance(error, Problem):
        return int(error.status)
    unknown = HTTPStatus.SERVICE_UNAVAILABLE
    return int(
        next(
            (status for kind, status, _ in REFUSALS if isinstance(error, kind)), unknown
        )
    )


def add_problems(app: FastAPI) -> None:
    """Register the exception handlers that turn every error of a route into a problem."""

    @app.exception_handler(Problem)
    async def handle_problem(request: Request, error: Problem) -> Response:
        return problem_response(request, error)

    @app.exception_handler(ApiError)
    async def handle_protocol_error(request: Request, error: ApiError) -> Response:
        headers = {**headers_of(language_of_request(request)), **(error.headers or {})}
        return JSONResponse(error.as_json(), error.status, headers)

    @app.exception_handler(HTTPException)
    async def handle_http_error(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        if status is HTTPStatus.BAD_REQUEST:  # a body that FastAPI could not decode
            fault = f"JSON decode error: {error.__cause__}"
            fault_of_body = {"type": "json_invalid", "loc": ("body",), "msg": fault}
            return await handle_invalid_request(
                request, RequestValidationError([fault_of_body])
            )
        code = _code_of(status, request.scope["path"])
        return problem_response(request, Problem(status, code, error.headers))

    @app.exception_handler(RequestValidationError)
    async def handle_invalid_request(
        request: Request, error: RequestValidationError
    ) -> Response:
        # FastAPI reads what is called JSON, and nothing else; a compressed body is not decoded.
        if isinstance(error.body, bytes) or "content-encoding" in request.headers:
            not_json = Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json")
            return problem_response(request, not_json)
        errors = validation_errors(error.errors(), language_of_request(request))
        problem = Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-value")
        return problem_response(request, problem, errors=errors)

    @app.exception_handler(MerlinError)
    async def handle_merlin_error(request: Request, error: MerlinError) -> Response:
        for kind, status, code in REFUSALS:
            if isinstance(error, kind):
                return _refused(request, status, code, error)
        log.warning("the database did not answer", reason=redact(str(error)))
        return unavailable(request)


def _code_of(status: HTTPStatus, path: str) -> str:
    if status is HTTPStatus.NOT_FOUND and path.endswith(_OF_PROTOCOL):
        return "wrong-base-url"
    return _CODES.get(status, "bad-request")


def _refused(
    request: Request, status: HTTPStatus, code: str, error: MerlinError
) -> Response:
    """Return a refusal: the problem of its text key, or `code` with its text as the detail."""
    own = error.key.removeprefix(_OWN_CODE)
    if own != error.key:
        return problem_response(request, Problem(status, own, None, **error.arguments))
    is_plain = error.key == "error-plain"
    language = language_of_request(request)
    detail = "" if is_plain else text(language, error.key, **error.arguments)
    return problem_response(request, Problem(status, code), detail=detail)


def unavailable(request: Request) -> Response:
    """Return 503 with Retry-After."""
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry = {"Retry-After": "5"}
    return problem_response(request, Problem(status, "unavailable", retry))


def problem_response(request: Request, problem: Problem, **members: object) -> Response:
    """Return a problem in the caller's language; `members` extend or replace its own.

    Under /v1 it is an error of the OpenAI protocol.
    """
    language = language_of_request(request)
    status = problem.status.value
    detail = text(language, f"{_OWN_CODE}{problem.code}", **problem.arguments)
    detail = str(members.pop("detail", "")) or detail
    headers = headers_of(language)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    headers |= problem.headers
    if request.scope["path"].startswith(ROOT):
        openai_code = _OPENAI_CODES.get(problem.code, problem.code.replace("-", "_"))
        return JSONResponse(error_object(status, detail, openai_code), status, headers)
    values = {
        "type": f"urn:merlin:problem:{problem.code}",
        "status": status,
        "detail": detail,
        "request_id": getattr(request.state, "request_id", ""),
    }
    return JSONResponse({**values, **members}, status, headers, MEDIA_TYPE)


HOOK_BYTES = 64 * 1024


async def read_body(request: Request, most_bytes: int) -> bytes:
    """Return the body. Raises Problem 413 as soon as it exceeds `most_bytes`, 415 if compressed."""
    if "content-encoding" in request.headers:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json")
    too_large = Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", limit=most_bytes // 1024
    )
    try:
        return b"".join(
            [piece async for piece in read_chunks(request, most_bytes, too_large)]
        )
    except ClientDisconnect as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-request") from error


# What any call can be answered: who calls, what it names and sends, how often, failures of ours.
_OF_ANY_CALL = (401, 403, 404, 413, 415, 422, 429, 500, 503)
SCHEMA = {"$ref": "#/components/schemas/Problem"}


class WrongValue(BaseModel):
    """An invalid value of a request."""

    model_config = ConfigDict(frozen=True)

    place: str = Field(
        description="Part of the request: body, query, path, header or cookie."
    )
    pointer: str = Field(
        description="Location of the value in that part, a JSON pointer (RFC 6901)."
    )
    detail: str = Field(description="Explanation in the caller's language.")


class ProblemShown(BaseModel):
    """An error as problem details (RFC 9457)."""

    model_config = ConfigDict(frozen=True, title="Problem")

    type: str = Field(
        description="Identifies the kind of problem for programs: `urn:merlin:problem:<code>`."
    )
    status: int
    detail: str = Field(description="Explanation in the caller's language.")
    request_id: str = Field(description="Identifies the request in Merlin's log.")
    errors: list[WrongValue] | None = Field(
        default=None, description="Invalid values, with status 422."
    )


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of a route for these statuses and those that any call can have."""
    content = {MEDIA_TYPE: {"schema": SCHEMA}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": dict(content)}
        for status in sorted({*statuses, *_OF_ANY_CALL})
    }


def components(
    name: str = "Problem", model: type[BaseModel] = ProblemShown
) -> dict[str, Any]:
    """Return a model's schema and its definitions by name, as `problems` refers to them."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), name: schema}
