"""Errors of the protocol: building our servers' error object, and classifying providers' errors.

How a provider's error response is classified, whichever client received it:

5xx, unreadable                                   ProviderUnknown when the call creates, else Busy
429                                               ProviderBusy, ProviderError without credit
404 about a model, the code NO_MODEL              ModelGone
a code of NOT_APPLIED                             ModelUnapplied
every other 3xx, 4xx, the code UNSUPPORTED        ProviderError

A server that says in words alone what the protocol has a code for gets the code (`_SAID_IN_WORDS`).
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from merlin.core.errors import ModelGone, ModelUnapplied, ProviderBusy, ProviderError
from merlin.core.json_fields import parse_object
from merlin.core.log import redact

Json = Mapping[str, object]
NO_CREDIT = "insufficient_quota"
NO_MODEL = "model_not_found"
TOO_OFTEN = "rate_limit_exceeded"
# A conversation longer than the model's window. Source: openai/openai-openapi.
TOO_LONG = "context_length_exceeded"
BAD_KEY = "invalid_api_key"
# Ours: the server has the route, but isn't set up for it.
UNSUPPORTED = "unsupported"
# Our engine's: an adapter is loaded and changes nothing, or not as in its training; its server
# doesn't load it, or ends by it.
NOT_APPLIED = ("adapter_inert", "adapter_differs", "adapter_refused")
_CODES = {401: BAD_KEY, 429: TOO_OFTEN}
# What servers were seen to say without the protocol's code; tests/real/recorded has the answers.
_SAID_IN_WORDS = (
    # litellm 1.108.7 (proxy), 400: not in its `model_list`.
    (NO_MODEL, re.compile(r"Invalid model name passed in model=")),
    # transformers 5.24.0 (`transformers serve MODEL`), 400.
    (NO_MODEL, re.compile(r"^Server is pinned to '.*'; requested '", re.DOTALL)),
    # litellm 1.108.7, 429. Without its name before them others say these words of a minute's limit.
    (NO_CREDIT, re.compile(r"OpenAIException - You exceeded your current quota")),
    # litellm 1.108.7 without a database, 400: every key but its master key.
    (BAD_KEY, re.compile(r"^No connected db\.$")),
    # litellm 1.108.7, 500: files not configured; jobs, which are of its paid edition.
    (
        UNSUPPORTED,
        re.compile(r"files_settings is not set|must be a LiteLLM Enterprise user"),
    ),
)
# What servers call it, as a code, a type or within their words: OpenAI, Z.ai; llama.cpp; litellm.
_TOO_LONG_NAME = re.compile(
    r"context_?(?:window|length)_?exceeded|exceed_context_size", re.IGNORECASE
)
# What the words of all of them have in common: what is too long, its measure, and that it is more
# than fits. tests/support/long_conversations.py has the words of twenty servers, and what looks
# alike.
_TOO_LONG_WORDS = re.compile(
    r"(?=.*\b(?:context|prompt|inputs?|messages|token limit)\b)"
    r"(?=.*(?:token|length|context|\blong))"
    r"(?=.*(?:too (?:long|large|many)|exceed|overflow|(?:long|great|larg)er than"
    r"|maximum (?:context|prompt)|must (?:be <=|have less)|reduce the length))"
    r"(?!.*(?:rate.limit|quota|per.minute))",
    re.IGNORECASE | re.DOTALL,
)
_CHAT = "/chat/completions"
# Error codes whose type does not follow from the status.
_TYPES = {NO_CREDIT: NO_CREDIT, TOO_OFTEN: "requests"}
_LATER = frozenset({408, 425})
_NOT_THERE = 404
_BUSY = 429
_TOO_LARGE = 413
_UNPROCESSABLE = 422
_BAD = 400
_NOT_MADE = 501
_SERVER = 500
# The uploaded file is still being processed: the only 400 worth retrying.
# Source: LearnPrompt/LLMs-cookbook#1.
_FILE_NOT_READY = re.compile(r"still being processed|not ready", re.IGNORECASE)
_FILE_WAIT_S = 5.0
_LONGEST = 300
_STATUS = re.compile("[45][0-9][0-9]")
_LONGEST_WAIT_S = 86_400.0
_ABOUT_MODELS = (_CHAT, "/models", "/audio/")


class ApiError(Exception):
    """An error response of a server: HTTP status, error object, optional headers.

    The message is already in the caller's language. Source: openai/openai-openapi, `openapi.yaml`,
    Error.
    """

    headers: Mapping[str, str] | None = None

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code or _CODES.get(status)
        self.param = param

    def as_json(self) -> dict[str, object]:
        """Return the response body."""
        return error_object(self.status, str(self), self.code, self.param)


def error_object(
    status: int, message: str, code: str | None, param: str | None = None
) -> dict[str, object]:
    """Return the body of an error response."""
    usual = "server_error" if status >= _SERVER else "invalid_request_error"
    kind = _TYPES.get(code or "", usual)
    return {
        "error": {
            "message": message,
            "type": kind,
            "param": param or None,
            "code": code,
        }
    }


def unknown_model(name: str) -> ApiError:
    """Return the error for an unknown model."""
    text = f"The model `{name}` does not exist; GET /v1/models lists those that do."
    return ApiError(404, text, code=NO_MODEL, param="model")


def missing(kind: str, name: str, param: str = "id") -> ApiError:
    """Return the error for an unknown file, job or checkpoint."""
    return ApiError(404, f"No such {kind}: {name}", param=param)


def bad_field(param: str, message: str, code: str | None = None) -> ApiError:
    """Return the error for an invalid field."""
    return ApiError(400, message, param=param, code=code)


def limit_error(message: str, retry_after_s: float) -> ApiError:
    """Return the error for too many requests."""
    refusal = ApiError(429, message)
    refusal.headers = {"retry-after": str(max(1, math.ceil(retry_after_s)))}
    return refusal


def format_path(path: Sequence[int | str]) -> str:
    """Format the path of a field as the protocol does: `messages[2].role`."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(parts).removeprefix(".")


def context_length_error(tokens: int, window: int) -> ApiError:
    """Return the error for messages that exceed the model's context window."""
    words = (
        f"This model's maximum context length is {window} tokens, your messages have"
        f" {tokens}. Please reduce the length of the messages."
    )
    return bad_field("messages", words, TOO_LONG)


class InvalidResponse(Exception):
    """The response violates the protocol; it is treated as a 5xx.

    `status` is that of a web page, which no model has sent; 0: a model may have been paid for.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def json_object(content: bytes) -> Json:
    """Parse a body as a JSON object. Raises InvalidResponse if it is anything else."""
    try:
        return parse_object(content)
    except ValueError as error:
        if content.lstrip()[:1] == b"<":
            raise InvalidResponse(
                "a web page answered: is base_url right?", HTTPStatus.OK
            ) from error
        raise InvalidResponse(f"no JSON object: {content[:60]!r}") from error


def error_of_status(
    status: int,
    headers: Mapping[str, str],
    error: object,
    path: str,
    unsure: type[ProviderBusy],
) -> ProviderError:
    """Return the error for a response with a status other than 2xx to a request of `path`.

    `error` is the result of `error_in`; `unsure` is the type used when the outcome of the call
    is unclear. The text is status, code, message and request id in one line; HTML is left out.
    """
    code = _code_of(error)
    message = _message(error)
    wait_s = retry_after_s(headers)
    named = headers.get("x-request-id")
    request_id = f" (request {one_line(named)})" if named else ""
    is_too_long = code == TOO_LONG or (
        _CHAT in path and _is_too_long(status, code, error)
    )
    code = TOO_LONG if is_too_long else code
    detail = one_line(" ".join(part for part in (code, message) if part))
    words = f"{status} {detail}{request_id}" if detail else f"HTTP {status}{request_id}"
    is_unclear = status in _LATER or (status >= _SERVER and status != _NOT_MADE)
    if is_unclear and code not in (UNSUPPORTED, TOO_LONG):
        return unsure(words, code=code, status=status, retry_after_s=wait_s)
    if status == _BUSY and code != NO_CREDIT:
        return ProviderBusy(words, code=code, status=status, retry_after_s=wait_s)
    if status == _BAD and _FILE_NOT_READY.search(words):
        return ProviderBusy(words, code=code, status=status, retry_after_s=_FILE_WAIT_S)
    if code in NOT_APPLIED:
        return ModelUnapplied(words, code=code, status=status)
    # A wrong URL returns 404 as well, not only an unknown model.
    is_about_model = (
        any(part in path for part in _ABOUT_MODELS) and "model" in message.lower()
    )
    if code == NO_MODEL or (status == _NOT_THERE and is_about_model):
        return ModelGone(words, code=code, status=status)
    param = str(error.get("param") or "") if isinstance(error, Mapping) else ""
    return ProviderError(words, code=code, status=status, param=param)


def error_of_object(
    error: object, unsure: type[ProviderBusy], otherwise: str = ""
) -> ProviderError:
    """Return the error for an error object in a 200 response; `otherwise` is the fallback text.

    vLLM 0.32.0 puts the status that it can no longer send into `code`, as of a grammar that it
    can't read; litellm 1.108.7 does the same in a text.
    """
    status = _status_in(error)
    if status:
        return error_of_status(status, {}, error, "/chat/completions", unsure)
    code = _code_of(error)
    words = one_line(_message(error) or otherwise or "an error in the answer")
    if code in (NO_CREDIT, TOO_LONG) or _TOO_LONG_WORDS.search(words):
        return ProviderError(words, code=code or TOO_LONG)
    return ModelGone(words, code=code) if code == NO_MODEL else unsure(words, code=code)


def error_in(content: bytes) -> object:
    """Return the error in an error response's body, None if it is not JSON."""
    try:
        read = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return read.get("error", read) if isinstance(read, dict) else read


def _code_of(error: object) -> str:
    """Return the protocol's error code, "" if the error has none and says nothing that is known."""
    code = str(error.get("code") or "") if isinstance(error, Mapping) else ""
    if code and not _status_in(error):
        return code
    if isinstance(error, Mapping) and error.get("type") == NO_CREDIT:
        return NO_CREDIT
    words = _message(error)
    return next((code for code, said in _SAID_IN_WORDS if said.search(words)), "")


def _is_too_long(status: int, code: str, error: object) -> bool:
    """Return whether a refusal of a conversation says that it is longer than the model's window.

    The names decide before the words. The status 413 says nothing else. A key, a rate, an account
    and a model's name are told by their codes and statuses.
    """
    kind = str(error.get("type") or "") if isinstance(error, Mapping) else ""
    words = _message(error)
    if any(map(_TOO_LONG_NAME.search, (code, kind, words))):
        return True
    if status == _TOO_LARGE:
        return True
    is_about_request = status in (_BAD, _UNPROCESSABLE) or status >= _SERVER
    has_own_code = code in (BAD_KEY, NO_CREDIT, NO_MODEL, TOO_OFTEN, UNSUPPORTED)
    return (
        is_about_request
        and not has_own_code
        and code not in NOT_APPLIED
        and _TOO_LONG_WORDS.search(words) is not None
    )


def _status_in(error: object) -> int:
    """Return the HTTP status that stands in an error's `code`, 0 if none does."""
    found = (
        _STATUS.fullmatch(str(error.get("code")))
        if isinstance(error, Mapping)
        else None
    )
    return int(found[0]) if found else 0


def _message(error: object) -> str:
    """Return the error's message: some servers send a text, or a list of wrong fields."""
    words = error
    if isinstance(error, Mapping):
        words = error.get("message") or error.get("detail")
    if isinstance(words, str):
        return "" if words.lstrip().startswith("<") else words
    return json.dumps(words, ensure_ascii=False, default=str) if words else ""


def describe_error(error: object) -> str:
    """Return an error object's message, or any other error as it is, as one line."""
    return one_line(_message(error) or str(error))


def one_line(words: str) -> str:
    """Return external text as one truncated line with secrets redacted."""
    return redact(" ".join(words.split()))[:_LONGEST]


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the provider's retry delay in seconds, at most a day, None if it gives none.

    No provider sends the date that RFC 9110, 10.2.3 allows too; `retry-after-ms` is OpenAI's.
    """
    try:
        if "retry-after-ms" in headers:
            return min(
                max(0.0, float(headers["retry-after-ms"]) / 1000), _LONGEST_WAIT_S
            )
        return min(max(0.0, float(headers["retry-after"])), _LONGEST_WAIT_S)
    except (KeyError, ValueError):
        return None
