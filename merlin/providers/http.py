"""Calls over HTTP that end: by a deadline for the whole, and with a bound for the answer."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from functools import cache
from typing import cast

import httpx2

from merlin.core.loopback import is_loopback

CONNECT_S = 5.0
BETWEEN_BYTES_S = 30.0
MAX_RESPONSE_BYTES = 64_000_000
_DEADLINE = "merlin_deadline"


def patience(total_s: float, between_s: float = BETWEEN_BYTES_S) -> httpx2.Timeout:
    """Return how long one call may take: to connect, between two bytes, and as a whole.

    `pool` carries the whole: httpx has no such limit of its own, `_Bounded` keeps it.
    """
    between = min(between_s, total_s)
    return httpx2.Timeout(
        connect=min(CONNECT_S, total_s), read=between, write=between, pool=total_s
    )


def http_client(base_url: str, total_s: float, keep: int) -> httpx2.Client:
    """Return a client of a server whose every call ends within `total_s`; follows no redirects."""
    return httpx2.Client(
        timeout=patience(total_s),
        limits=httpx2.Limits(max_keepalive_connections=keep),
        verify=_trust(),
        event_hooks={"request": [_begin], "response": [_bound]},
        # No proxy of the environment counts for a server on this machine.
        trust_env=not is_loopback(httpx2.URL(base_url).host),
        # A small answer that is packed may be an endless one: it is bounded as it comes.
        headers={"Accept-Encoding": "identity"},
    )


@cache
def _trust() -> ssl.SSLContext:
    """Return whom we trust, read once: it takes 20 ms."""
    return httpx2.create_ssl_context()


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
            if size > MAX_RESPONSE_BYTES:
                raise httpx2.ReadError("the answer is endless", request=self._request)
            yield chunk

    def close(self) -> None:
        self._inner.close()


def _begin(request: httpx2.Request) -> None:
    request.extensions[_DEADLINE] = time.monotonic() + request.extensions["timeout"]["pool"]


def _bound(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        text = "the answer is packed, which was not asked for"
        raise httpx2.ReadError(text, request=response.request)
    inner = cast("httpx2.SyncByteStream", response.stream)
    response.stream = _Bounded(inner, response.request)
