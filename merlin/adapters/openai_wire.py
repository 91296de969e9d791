"""The SDK's connections to servers of the OpenAI protocol, for threads: who waits how long, once.

Retries of the SDK are off: it repeats creating calls too, and each repeat is a paid job.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Protocol, cast

import httpx2
import openai

from merlin.core.loopback import is_loopback
from merlin.openai_protocol.client import json_object as read_object

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


class Raw(Protocol):
    """An answer as the SDK hands it over unparsed."""

    @property
    def content(self) -> bytes:
        """Return the body's bytes."""


def json_object(raw: Raw) -> Mapping[str, object]:
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
