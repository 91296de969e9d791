"""The server's side of a connection: nobody holds one for ever, and small answers do not wait."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from contextlib import ExitStack, contextmanager

import pytest
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from merlin.core.connections import (
    DEFAULT_LIMITS,
    MAX_HEAD_BYTES,
    ConnectionLimits,
    Connections,
    Server,
)
from merlin.core.metrics import metrics_page
from merlin.core.server import listen
from tests.support.metrics_page import metric_value
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional

# So slow a caller is slow on any machine; whoever is not ends long before.
SHORT = ConnectionLimits(head_s=0.5, body_s=0.5, answer_s=1)
SMALL = ConnectionLimits(per_address=5, in_all=8)
HELLO = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HALF_HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
HALF_BODY = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"


async def length(request):
    return PlainTextResponse(str(len(await request.body())))


async def endless(_request):
    async def pieces():
        while True:
            await asyncio.sleep(0)
            yield b"a" * 65536

    return StreamingResponse(pieces())


async def long(request):
    """Answer once the test says so."""
    await asyncio.to_thread(request.app.state.goes_on.wait)
    return PlainTextResponse("at last")


class Served:
    """One server: its port, its connections, what its application waits for."""

    def __init__(self, app, port, connections):
        self.port, self.connections, self.goes_on = port, connections, app.state.goes_on

    def connect(self, *pieces, source="127.0.0.1"):
        address = ("127.0.0.1", self.port)
        connection = socket.create_connection(
            address, timeout=longest(), source_address=(source, 0)
        )
        for piece in pieces:
            connection.sendall(piece)
        return connection

    def told(self, *pieces, source="127.0.0.1"):
        """Return all that is answered to these bytes, until the connection is closed."""
        with self.connect(*pieces, source=source) as connection:
            return rest_of(connection)

    def metrics(self):
        return metrics_page(self.connections.metrics("merlin", "http")).decode()


def ended_count(served, reason):
    return metric_value(served.metrics(), "merlin_http_connections_ended_total", reason=reason)


def rest_of(connection):
    """Return what comes until the connection is closed; "" where it was reset."""
    try:
        return b"".join(iter(lambda: connection.recv(65536), b""))
    except ConnectionResetError:
        return b""


@contextmanager
def serve_here(limits=DEFAULT_LIMITS, trusted=()):
    """Serve as the processes do, on their socket and the api's loop."""
    routes = [
        Route("/", length, methods=["GET", "POST"]),
        Route("/endless", endless),
        Route("/long", long),
    ]
    app = Starlette(routes=routes)
    app.state.goes_on = threading.Event()
    connections = Connections(limits, trusted)
    ready = threading.Event()
    with listen("api.listen", "127.0.0.1", 0) as listener:
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
        server = Server(config, ready.set, connections)
        thread = threading.Thread(target=uvloop.run, args=(server.serve([listener]),))
        thread.start()
        try:
            assert ready.wait(longest())
            yield Served(app, listener.getsockname()[1], connections)
        finally:
            app.state.goes_on.set()
            server.should_exit = server.force_exit = True
            thread.join()


@pytest.fixture(scope="module")
def usual():
    with serve_here() as server:
        yield server


@pytest.fixture
def short():
    with serve_here(SHORT) as server:
        yield server


@pytest.fixture
def small():
    with serve_here(SMALL, trusted=["127.0.0.1"]) as server:
        yield server


def test_answers_do_not_wait_for_more(usual):
    with usual.connect(HELLO) as connection:
        assert rest_of(connection).endswith(b"0")
    with usual.connect(HALF_HEAD):
        wait_until(lambda: len(usual.connections) == 1)
        (held,) = usual.connections.open
        own = held.transport.get_extra_info("socket")
        assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def one_too_many(head):
    """Return so much of a head that its last byte is too many.

    A connection closed with bytes that nobody has read is reset, and the reset may overtake the
    answer.
    """
    return head[: MAX_HEAD_BYTES + 1]


@pytest.mark.parametrize(
    "line",
    [b"X: " + b"a" * MAX_HEAD_BYTES, b"\r\n".join([b"X: a"] * (MAX_HEAD_BYTES // 5))],
)
def test_a_head_without_end_is_refused(usual, line):
    assert usual.told(one_too_many(HALF_HEAD + line)).startswith(b"HTTP/1.1 400 ")


def test_an_address_without_end_is_refused(usual):
    address = b"GET /" + b"a" * MAX_HEAD_BYTES
    assert usual.told(one_too_many(address)).startswith(b"HTTP/1.1 400 ")


def test_bodies_and_further_heads_are_counted_apart(usual):
    connection = http.client.HTTPConnection("127.0.0.1", usual.port, timeout=longest())
    for size in (0, 500_000, 3):
        head = {"X": "a" * (MAX_HEAD_BYTES * 3 // 4)}
        connection.request("POST", "/", b"b" * size, head)
        assert connection.getresponse().read() == str(size).encode()
    connection.close()


@pytest.mark.parametrize(("half", "reason"), [(HALF_HEAD, "head"), (HALF_BODY, "body")])
def test_a_head_or_body_that_does_not_come_to_its_end_is_ended(short, half, reason):
    with capture_logs() as logs:
        assert short.told(half).startswith(b"HTTP/1.1 408 ")
    told = [line for line in logs if line["event"] == "connections ended"]
    assert [(line["reason"], line["address"]) for line in told] == [(reason, "127.0.0.1")]
    assert ended_count(short, reason) == 1
    wait_until(lambda: metric_value(short.metrics(), "merlin_http_connections") == 0)


def test_a_second_call_that_is_half_sent_is_ended_too(short):
    first = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with short.connect(first) as connection:
        assert b" 200 OK" in connection.recv(65536)
        connection.sendall(HALF_HEAD)
        assert rest_of(connection).startswith(b"HTTP/1.1 408 ")


def test_who_sends_nothing_at_all_is_ended_without_a_word(short):
    assert short.told() == b""


def test_an_answer_that_takes_longer_than_a_head_may_is_waited_for(short):
    with short.connect(HELLO.replace(b"/ ", b"/long ")) as slow:
        assert short.told(HALF_HEAD).startswith(b"HTTP/1.1 408 ")
        short.goes_on.set()
        assert rest_of(slow).endswith(b"at last")


def test_a_body_that_comes_steadily_may_take_longer_than_one_that_does_not(short):
    size = 64 * SHORT.body_bytes_per_s
    head = f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
    with short.connect(head.encode(), b"b" * (size - 1)) as steady:
        assert short.told(HALF_BODY).startswith(b"HTTP/1.1 408 ")
        steady.sendall(b"b")
        assert rest_of(steady).endswith(str(size).encode())


def test_an_answer_that_nobody_takes_is_ended(short):
    with short.connect(HELLO.replace(b"/ ", b"/endless ")):
        wait_until(lambda: ended_count(short, "answer") == 1)
        wait_until(lambda: len(short.connections) == 0)


def test_one_address_has_so_many_connections_and_others_have_theirs(small):
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(small.connect(HALF_HEAD, source="127.0.0.2"))
        wait_until(lambda: len(small.connections) == 5)
        refused = small.told(source="127.0.0.2")
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert small.told(HELLO, source="127.0.0.3").endswith(b"0")
        assert ended_count(small, "address") == 1
    wait_until(lambda: len(small.connections) == 0)
    assert small.told(HELLO, source="127.0.0.2").endswith(b"0")


def test_where_all_connections_are_held_the_longest_half_open_one_gives_way(small):
    with ExitStack() as held:
        waiting = [held.enter_context(small.connect(HALF_HEAD)) for _ in range(8)]
        wait_until(lambda: len(small.connections) == 8)
        assert small.told(HELLO).endswith(b"0")
        assert rest_of(waiting[0]).startswith(b"HTTP/1.1 408 ")
        assert ended_count(small, "total") == 1


def test_who_is_being_answered_gives_way_to_nobody(small):
    with ExitStack() as held:
        ask = HELLO.replace(b"/ ", b"/long ")
        asking = [held.enter_context(small.connect(ask)) for _ in range(8)]
        wait_until(lambda: sum(not each.is_waiting for each in small.connections.open) == 8)
        assert small.told().startswith(b"HTTP/1.1 503 ")
        small.goes_on.set()
        assert all(rest_of(each).endswith(b"at last") for each in asking)
