"""An HTTP client whose calls have a total deadline and a maximum response size."""

import ssl
import time
from collections.abc import Iterator
from functools import cache
from typing import cast

import httpx2

from merlin.core.errors import ConfigError
from merlin.core.network import is_loopback

CONNECT_S = 5.0
BETWEEN_BYTES_S = 30.0
MAX_RESPONSE_BYTES = 64_000_000
_DEADLINE = "merlin_deadline"


def build_timeout(total_s: float, between_s: float = BETWEEN_BYTES_S) -> httpx2.Timeout:
    """Return the timeouts of one call: to connect, between two reads, and in total.

    The total is passed as `pool`: httpx has no total timeout, so `_LimitedStream` enforces it.
    """
    between = min(between_s, total_s)
    return httpx2.Timeout(
        connect=min(CONNECT_S, total_s), read=between, write=between, pool=total_s
    )


def build_http_client(base_url: str, total_s: float, keep: int) -> httpx2.Client:
    """Return a client whose calls end within `total_s` seconds; it follows no redirects.

    `keep` is the number of idle connections that stay open. Raises ConfigError for a proxy of the
    environment that cannot be used.
    """
    # Ignore the environment's proxy settings for a server on this machine.
    trust_env = not is_loopback(httpx2.URL(base_url).host)
    try:
        return httpx2.Client(
            timeout=build_timeout(total_s),
            limits=httpx2.Limits(max_keepalive_connections=keep),
            verify=_tls_context(),
            event_hooks={"request": [_set_deadline], "response": [_limit_response]},
            trust_env=trust_env,
            # A compressed response could expand beyond the size limit.
            headers={"Accept-Encoding": "identity"},
        )
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        raise ConfigError(str(error), "config-proxy", reason=str(error)) from error


@cache
def _tls_context() -> ssl.SSLContext:
    """Return the TLS context, created once: reading the certificates takes 20 ms."""
    return httpx2.create_ssl_context()


class _LimitedStream(httpx2.SyncByteStream):
    """A response body with a read deadline and a maximum size."""

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


def _set_deadline(request: httpx2.Request) -> None:
    request.extensions[_DEADLINE] = time.monotonic() + request.extensions["timeout"]["pool"]


def _limit_response(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        text = "the answer is packed, which was not asked for"
        raise httpx2.ReadError(text, request=response.request)
    inner = cast("httpx2.SyncByteStream", response.stream)
    response.stream = _LimitedStream(inner, response.request)
