"""The api's side of a connection: heads have an end, and small answers do not wait for Nagle."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import contextmanager

import pytest
import uvicorn
import uvloop
from site_world import NOT_LIMITED
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from waiting import longest

from merlin.api.main import server_config
from merlin.api.protocol import MOST_HEAD_BYTES, BoundedHttp
from merlin.core.server import listen

pytestmark = pytest.mark.functional


async def length(request):
    return PlainTextResponse(str(len(await request.body())))


class Noting(BoundedHttp):
    """The protocol, which notes whether its connections wait."""

    no_delay: list[int] = []  # noqa: RUF012 - one list for all connections

    def connection_made(self, transport):
        super().connection_made(transport)
        own = transport.get_extra_info("socket")
        self.no_delay.append(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


@contextmanager
def served(protocol):
    """Serve as `merlin api` does, on its socket and its loop; give the port."""
    app = Starlette(routes=[Route("/", length, methods=["GET", "POST"])])
    with listen("api.listen", "127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(app, http=protocol, log_config=None))
        thread = threading.Thread(target=uvloop.run, args=(server.serve([listener]),))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def port():
    with served(Noting) as port:
        yield port


def told(port, *pieces):
    """Return all that is answered to these bytes, until the connection is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=longest()) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_answers_do_not_wait_for_more(port):
    assert told(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").endswith(b"0")
    assert Noting.no_delay
    assert 0 not in Noting.no_delay


@pytest.mark.parametrize(
    "line",
    [b"X: " + b"a" * MOST_HEAD_BYTES, b"\r\n".join([b"X: a"] * (MOST_HEAD_BYTES // 5))],
)
def test_a_head_without_end_is_refused(port, line):
    answer = told(port, b"GET / HTTP/1.1\r\nHost: x\r\n", line)
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_an_address_without_end_is_refused(port):
    assert told(port, b"GET /", b"a" * (MOST_HEAD_BYTES + 1)).startswith(b"HTTP/1.1 400 ")


def test_bodies_and_further_heads_are_counted_apart(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=longest())
    for size in (0, 500_000, 3):
        head = {"X": "a" * (MOST_HEAD_BYTES * 3 // 4)}
        connection.request("POST", "/", b"b" * size, head)
        assert connection.getresponse().read() == str(size).encode()
    connection.close()


def test_the_api_is_served_so(still_site):
    config = server_config(still_site.services, NOT_LIMITED)
    assert config.http is BoundedHttp
