"""The `openai` package: connections, deadlines, errors, lists in pages.

    never sent (no connection, no name)               ProviderBusy
    sent, then silence or reset                       ProviderUnknown if it creates, else Busy
    answered by a refusal                             as `openai_protocol.errors` judges it

No exception of `openai` or `httpx2` passes `provider_errors`. Retries of the SDK are off: it
repeats creating calls too, and each repeat is a paid job.

"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Protocol, cast

import httpx2
import openai

from merlin.core.errors import ProviderBusy, ProviderError, ProviderUnknown
from merlin.core.loopback import is_loopback
from merlin.openai_protocol.client import json_object as read_object
from merlin.openai_protocol.errors import (
    InvalidResponse,
    ProviderRefusal,
    error_of_object,
    error_of_status,
    one_line,
)
from merlin.providers.openai_objects import Json, rows

_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_NEVER_SENDABLE = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL)


@contextmanager
def provider_errors(*, creates: bool = False) -> Iterator[None]:
    """Turn everything that a call to a provider can raise into ProviderError and its kinds.

    `creates`: a call that must not be repeated blindly; doubt about it is ProviderDoubt.
    """
    unsure = ProviderUnknown if creates else ProviderBusy
    try:
        yield
    except openai.APIStatusError as error:
        raise error_of_status(_refusal(error), unsure) from error
    except openai.APIConnectionError as error:
        raise _of_connection(error.__cause__ or error, unsure) from error
    except openai.APIError as error:
        raise error_of_object(error.body, unsure, error.message) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise _of_connection(error, unsure) from error
    except TimeoutError as error:
        raise unsure("the provider took too long") from error
    except (InvalidResponse, UnicodeDecodeError, RecursionError) as error:
        raise unsure(f"the provider's answer is unreadable: {one_line(str(error))}") from error
    except (openai.OpenAIError, UnicodeEncodeError) as error:
        raise ProviderError(f"the call cannot be sent: {one_line(str(error))}") from error


def _refusal(error: openai.APIStatusError) -> ProviderRefusal:
    path = error.request.url.path
    return ProviderRefusal(error.status_code, error.response.headers, error.body, path)


def _of_connection(cause: BaseException, unsure: type[ProviderBusy]) -> ProviderError:
    words = one_line(f"{type(cause).__name__} {cause}".strip())
    if isinstance(cause, _NEVER_SENDABLE):
        return ProviderError(f"the call cannot be sent: {words}")
    if isinstance(cause, _NEVER_SENT):
        return ProviderBusy(f"the provider cannot be reached: {words}")
    return unsure(f"the connection to the provider broke: {words}")


CONNECT_S = 5.0
BETWEEN_BYTES_S = 30.0
LARGEST_ANSWER = 64_000_000
_DEADLINE = "merlin_deadline"


def patience(total_s: float, between_s: float = BETWEEN_BYTES_S) -> httpx2.Timeout:
    """Return how long one call may take: to connect, between two bytes, and as a whole.

    `pool` carries the whole: httpx has no such limit of its own, `_Bounded` keeps it.
    """
    between = min(between_s, total_s)
    return httpx2.Timeout(
        connect=min(CONNECT_S, total_s), read=between, write=between, pool=total_s
    )


def sync_client(
    base_url: str, credential: str, total_s: float, keep: int, language: str = ""
) -> openai.OpenAI:
    """Return a client whose every call ends within `total_s`; `keep`: idle connections kept.

    `language` is asked for where a server can word why a job failed in several.

    With none kept no call meets a connection that the server has closed meanwhile, which would
    look like a call that may have been carried out.
    """
    http = httpx2.Client(
        timeout=patience(total_s),
        limits=httpx2.Limits(max_keepalive_connections=keep),
        verify=_trust(),
        event_hooks={"request": [_begin], "response": [_bound]},
        trust_env=not is_here(base_url),
        # A small answer that is packed may be an endless one: it is bounded as it comes.
        headers={"Accept-Encoding": "identity"},
    )
    return openai.OpenAI(
        base_url=base_url,
        api_key=credential or "none",
        max_retries=0,
        timeout=patience(total_s),
        http_client=http,
        default_headers={"Accept-Language": language} if language else None,
    )


@cache
def _trust() -> ssl.SSLContext:
    """Return whom we trust, read once: it takes 20 ms."""
    return httpx2.create_ssl_context()


def is_here(base_url: str) -> bool:
    """Return whether the server is on this machine, where no proxy of the environment counts."""
    return is_loopback(httpx2.URL(base_url).host)


class RawResponse(Protocol):
    """An answer as the SDK hands it over unparsed."""

    @property
    def content(self) -> bytes:
        """Return the body's bytes."""


def json_object(raw: RawResponse) -> Mapping[str, object]:
    """Return the answer's JSON object. Raises InvalidResponse for everything else."""
    return read_object(raw.content)


class _Bounded(httpx2.SyncByteStream):
    """An answer that must be read by its deadline and may not be endless."""

    def __init__(self, inner: httpx2.SyncByteStream, request: httpx2.Request) -> None:
        self._inner = inner
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._inner:
            size += len(chunk)
            if time.monotonic() > self._request.extensions[_DEADLINE]:
                raise httpx2.ReadTimeout("the answer came too slowly", request=self._request)
            if size > LARGEST_ANSWER:
                raise httpx2.ReadError("the answer is endless", request=self._request)
            yield chunk

    def close(self) -> None:
        self._inner.close()


def _begin(request: httpx2.Request) -> None:
    request.extensions[_DEADLINE] = time.monotonic() + request.extensions["timeout"]["pool"]


def _bound(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        words = "the answer is packed, which was not asked for"
        raise httpx2.ReadError(words, request=response.request)
    inner = cast("httpx2.SyncByteStream", response.stream)
    response.stream = _Bounded(inner, response.request)


_MOST_PAGES = 1000


def pages(ask: Callable[[dict[str, str]], RawResponse]) -> Iterator[list[Json]]:
    """Yield the pages that `ask` brings; it is given `{"after": id}` from the second one on.

    Ends also where a server pays no heed to `after` and sends the same page again. Raises
    InvalidResponse for a list without an end: what was not seen must not count as not there.
    """
    seen: set[str] = set()
    cursor: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        page = json_object(ask(cursor))
        found = rows(page)
        yield found
        last = found[-1].get("id") if found else None
        if page.get("has_more") is not True or not isinstance(last, str) or last in seen:
            return
        seen.add(last)
        cursor = {"after": last}
    raise InvalidResponse("the list has no end")
