"""What went wrong with a provider, in Merlin's words.

    never sent (no connection, no name)               ProviderBusy
    sent, then silence, reset, 5xx, unreadable        ProviderDoubt when the call creates, else Busy
    429                                               ProviderBusy, ProviderError without credit
    404 about a model                                 ModelGone
    every other 3xx, 4xx                              ProviderError

No exception of `openai` or `httpx2` passes `provider_errors`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

import httpx2
import openai

from merlin.core.clock import utc_now
from merlin.core.errors import ModelGone, ProviderBusy, ProviderDoubt, ProviderError
from merlin.core.log import redact

NO_CREDIT = "insufficient_quota"
NO_MODEL = "model_not_found"
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_NEVER_SENDABLE = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL)
_LATER = frozenset({408, 425})
_NOT_THERE, _BUSY, _BAD, _NOT_MADE, _SERVER = 404, 429, 400, 501, 500
# The file was taken and is not ready yet: the one 400 that passes by itself.
# Source: LearnPrompt/LLMs-cookbook#1.
_FILE_NOT_READY = re.compile(r"still being processed|not ready", re.IGNORECASE)
_FILE_WAIT_S = 5.0
_LONGEST = 300


class Garbage(Exception):
    """The answer is not what the protocol says: treated as a 5xx."""


@contextmanager
def provider_errors(*, creates: bool = False) -> Iterator[None]:
    """Turn everything that a call to a provider can raise into ProviderError and its kinds.

    `creates`: a call that must not be repeated blindly; doubt about it is ProviderDoubt.
    """
    unsure = ProviderDoubt if creates else ProviderBusy
    try:
        yield
    except openai.APIStatusError as error:
        raise _of_status(error, unsure) from error
    except openai.APIConnectionError as error:
        raise _of_connection(error.__cause__ or error, unsure) from error
    except openai.APIError as error:
        raise _of_words(error, unsure) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise _of_connection(error, unsure) from error
    except TimeoutError as error:
        raise unsure("the provider took too long") from error
    except (Garbage, UnicodeDecodeError, RecursionError) as error:
        raise unsure(f"the provider's answer is unreadable: {_short(str(error))}") from error
    except (openai.OpenAIError, UnicodeEncodeError) as error:
        raise ProviderError(f"the call cannot be sent: {_short(str(error))}") from error


def _of_connection(cause: BaseException, unsure: type[ProviderBusy]) -> ProviderError:
    words = _short(f"{type(cause).__name__} {cause}".strip())
    if isinstance(cause, _NEVER_SENDABLE):
        return ProviderError(f"the call cannot be sent: {words}")
    if isinstance(cause, _NEVER_SENT):
        return ProviderBusy(f"the provider cannot be reached: {words}")
    return unsure(f"the connection to the provider broke: {words}")


def _of_status(error: openai.APIStatusError, unsure: type[ProviderBusy]) -> ProviderError:
    status, code, words = error.status_code, _code(error), _told(error)
    wait_s = retry_after_s(error.response.headers)
    if status in _LATER or (status >= _SERVER and status != _NOT_MADE):
        return unsure(words, code=code, status=status, retry_after_s=wait_s)
    if status == _BUSY and code != NO_CREDIT:
        return ProviderBusy(words, code=code, status=status, retry_after_s=wait_s)
    if status == _BAD and _FILE_NOT_READY.search(words):
        return ProviderBusy(words, code=code, status=status, retry_after_s=_FILE_WAIT_S)
    if code == NO_MODEL or (status == _NOT_THERE and _is_about_a_model(error)):
        return ModelGone(words, code=code, status=status)
    return ProviderError(words, code=code, status=status)


def _of_words(error: openai.APIError, unsure: type[ProviderBusy]) -> ProviderError:
    """Judge an error that came inside an answer of status 200."""
    code, words = _code(error), _short(error.message)
    if code == NO_CREDIT:
        return ProviderError(words, code=code)
    return ModelGone(words, code=code) if code == NO_MODEL else unsure(words, code=code)


def _is_about_a_model(error: openai.APIStatusError) -> bool:
    """Tell an unknown model from a wrong address, which answers 404 as well."""
    paths = ("/chat/completions", "/models", "/audio/")
    return "model" in _message(error.body).lower() and any(
        part in error.request.url.path for part in paths
    )


def _code(error: openai.APIError) -> str:
    return error.code or (error.type if error.type == NO_CREDIT else None) or ""


def _message(body: object) -> str:
    if not isinstance(body, Mapping):
        return ""
    message = body.get("message") or body.get("detail") or ""
    return message if isinstance(message, str) else ""


def _told(error: openai.APIStatusError) -> str:
    """Return status, code, message and request id in one line; a page of HTML is not repeated."""
    request_id = f" (request {error.request_id})" if error.request_id else ""
    words = " ".join(part for part in (_code(error), _message(error.body)) if part)
    return f"{error.status_code} {_short(words) or 'without a word'}{_short(request_id)}"


def _short(words: str) -> str:
    return redact(" ".join(words.split()))[:_LONGEST]


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the provider asks us to wait; None where it does not say.

    Source: RFC 9110, 10.2.3 (seconds or a date); `retry-after-ms` is OpenAI's.
    """
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        told = headers["retry-after"]
        return max(0.0, float(told) if told[:1].isdigit() else _until(told))
    except (KeyError, ValueError, TypeError):
        return None


def _until(moment: str) -> float:
    return (parsedate_to_datetime(moment) - utc_now()).total_seconds()
