"""The shape of errors below /v1: the protocol's error object in place of a problem.

Source: openai/openai-openapi, `openapi.yaml`, Error.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.api.language import headers_of, language_of_request
from merlin.chat.steering import WishRefused
from merlin.core.text import text

ROOT = "/v1/"
# Codes by which clients of the protocol know what to do; every other one is ours.
TOO_OFTEN = "rate_limit_exceeded"
_CODES = {
    "unauthorized": "invalid_api_key",
    "sign-in": "invalid_api_key",
    "too-many": TOO_OFTEN,
}
QUOTA = "insufficient_quota"
_Json = dict[str, object]


class Refusal(Exception):
    """A question that is not answered: a status, a text `door-<key>` and the protocol's code."""

    def __init__(
        self, status: HTTPStatus, key: str, code: str, param: str | None = None, **arguments: object
    ) -> None:
        super().__init__(key)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after_s: int | None = None
        self._key = key
        self._arguments = arguments

    def words(self, language: str) -> str:
        """Return why, for a person."""
        return text(language, f"door-{self._key}", **self._arguments)


def wrong(param: str, key: str, **arguments: object) -> Refusal:
    """Return the refusal of a field that cannot be taken."""
    return Refusal(HTTPStatus.BAD_REQUEST, key, "invalid_value", param, **arguments)


def not_here(param: str, key: str) -> Refusal:
    """Return the refusal of something that nothing here can do, `door-not-<key>` in words."""
    return Refusal(HTTPStatus.BAD_REQUEST, f"not-{key}", "unsupported_parameter", param)


def unwished(refused: WishRefused) -> Refusal:
    """Return the refusal of a wish that the serving model does not take."""
    return wrong(refused.field, "unwished", field=refused.field, why=str(refused))


def answered(request: Request, refusal: Refusal) -> Response:
    """Return the answer to a question that is refused, in the caller's language."""
    language = language_of_request(request)
    headers = headers_of(language)
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    if refusal.code == QUOTA:
        # Clients of the protocol would try again within seconds, in vain.
        headers["X-Should-Retry"] = "false"
    said = error(refusal.status, refusal.words(language), refusal.code, refusal.param)
    return JSONResponse(said, refusal.status.value, headers)


def error(status: int, message: str, code: str, param: str | None = None) -> _Json:
    """Return the error object."""
    told = {"message": message, "type": _type(status, code), "param": param or None, "code": code}
    return {"error": told}


def _type(status: int, code: str) -> str:
    if code == QUOTA:
        return QUOTA
    if code == TOO_OFTEN:
        return "requests"
    return "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"


def of_problem(problem: Mapping[str, object]) -> _Json:
    """Return a problem (RFC 9457) as the protocol tells it."""
    code = str(problem["type"]).rpartition(":")[2]
    told = _CODES.get(code, code.replace("-", "_"))
    return error(int(str(problem["status"])), str(problem["detail"]), told)
