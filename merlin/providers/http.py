"""An HTTP client whose calls have a total deadline and a maximum response size."""

import asyncio
import ssl
from concurrent.futures import CancelledError
from functools import cache
from threading import Thread

import httpx2

from merlin.core.errors import ConfigError
from merlin.core.network import is_loopback
from merlin.core.server import join_chunks

CONNECT_S = 5.0
BETWEEN_BYTES_S = 30.0
MAX_RESPONSE_BYTES = 64_000_000


def build_timeout(total_s: float, between_s: float = BETWEEN_BYTES_S) -> httpx2.Timeout:
    """Return the timeouts of one call: to connect, between two reads, and in total.

    The total is passed as `pool`: httpx has no total timeout, so `_DeadlineTransport` enforces it.
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
    try:
        sender = httpx2.AsyncClient(
            limits=httpx2.Limits(max_keepalive_connections=keep),
            verify=_tls_context(),
            # Ignore the environment's proxy settings for a server on this machine.
            trust_env=not is_loopback(httpx2.URL(base_url).host),
        )
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        raise ConfigError(str(error), "config-proxy", reason=str(error)) from error
    return httpx2.Client(
        transport=_DeadlineTransport(sender),
        timeout=build_timeout(total_s),
        # A compressed response could expand beyond the size limit.
        headers={"Accept-Encoding": "identity"},
    )


@cache
def _tls_context() -> ssl.SSLContext:
    """Return the TLS context, created once: reading the certificates takes 20 ms."""
    return httpx2.create_ssl_context()


class _DeadlineTransport(httpx2.BaseTransport):
    """Sends requests in an event loop, in a thread of its own; reads each response completely.

    There one deadline covers the connection, the request, the headers and the body: a thread that
    waits for a byte cannot be interrupted (docs/adr/0039).
    """

    def __init__(self, sender: httpx2.AsyncClient) -> None:
        self._sender = sender
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, name="http", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()
            runner.run(self._sender.aclose())

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        sent = asyncio.run_coroutine_threadsafe(self._send(request), self._loop)
        try:
            return sent.result()
        except CancelledError as error:
            raise httpx2.ReadError("the client was closed", request=request) from error
        finally:
            sent.cancel()  # if the wait was interrupted

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        endless = httpx2.ReadError("the answer is endless", request=request)
        try:
            async with asyncio.timeout(request.extensions["timeout"]["pool"]):
                response = await self._sender.send(request, stream=True)
                try:
                    if (
                        response.headers.get("content-encoding", "identity")
                        != "identity"
                    ):
                        text = "the answer is packed, which was not asked for"
                        raise httpx2.ReadError(text, request=request)
                    content = await join_chunks(
                        response.aiter_raw(), MAX_RESPONSE_BYTES, endless
                    )
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise httpx2.ReadTimeout(
                "the answer came too slowly", request=request
            ) from error
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=httpx2.ByteStream(content),
        )

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
