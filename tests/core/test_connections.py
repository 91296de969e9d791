"""Deadlines and sizes of what a client sends to the servers of the API and the engine."""

import asyncio
import http.client
import signal
import socket
import threading
from contextlib import contextmanager, suppress

import pytest
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.server import ServerState

from merlin.core.connections import MAX_HEAD_BYTES, BoundedHttp, HttpServer
from merlin.core.server import listen
from tests.support.ending import wait_for_end
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

HELLO = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HALF_HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
HALF_BODY = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"


async def answer_length(request):
    return PlainTextResponse(str(len(await request.body())))


async def answer_late(request):
    """Answer once `may_answer` is set."""
    await asyncio.to_thread(request.app.state.may_answer.wait)
    return PlainTextResponse("at last")


def connect(port, *pieces):
    connection = socket.create_connection(("127.0.0.1", port), timeout=longest())
    for piece in pieces:
        connection.sendall(piece)
    return connection


def read_rest(connection):
    """Return everything received until the connection is closed; "" after a reset."""
    try:
        return b"".join(iter(lambda: connection.recv(65536), b""))
    except ConnectionResetError:
        return b""


def exchange(port, *pieces):
    """Send these bytes; return everything received until the connection is closed."""
    with connect(port, *pieces) as connection:
        return read_rest(connection)


class Impatient(BoundedHttp):
    """Deadlines that are short, but longer than a client needs that is not slow."""

    head_s = 0.5
    body_s = 0.5


class OfTwo(BoundedHttp):
    """Has two connections at most."""

    max_open = 2


@contextmanager
def run_server(http=BoundedHttp):
    """Run a server as the processes do; yield its port and the event that /long waits for."""
    routes = [
        Route("/", answer_length, methods=["GET", "POST"]),
        Route("/long", answer_late),
    ]
    app = Starlette(routes=routes)
    app.state.may_answer = threading.Event()
    ready = threading.Event()
    with listen("api.listen", "127.0.0.1", 0) as listener:
        config = uvicorn.Config(
            app, http=http, log_config=None, access_log=False, lifespan="off"
        )
        server = HttpServer(config, ready.set)
        thread = threading.Thread(target=uvloop.run, args=(server.serve([listener]),))
        thread.start()
        try:
            assert ready.wait(longest())
            yield listener.getsockname()[1], app.state.may_answer
        finally:
            app.state.may_answer.set()
            server.force_exit = True
            server.handle_exit(signal.SIGTERM, None)
            wait_for_end(thread)


@pytest.fixture
def port():
    with run_server() as (port, _):
        yield port


@pytest.fixture
def impatient():
    with run_server(Impatient) as (port, _):
        yield port


class MappedTransport(asyncio.Transport):
    """The transport of an IPv4 client of a server on [::]; needs no IPv6 on this machine."""

    def get_extra_info(self, name, default=None):
        return ("::ffff:203.0.113.7", 50_000) if name == "peername" else default


def test_ipv4_client_of_a_server_on_ipv6_is_known_by_its_ipv4_address():
    async def connect():
        config = uvicorn.Config(Starlette(), log_config=None, lifespan="off")
        config.load()
        protocol = BoundedHttp(config, ServerState(), {})
        protocol.connection_made(MappedTransport())
        return protocol.client

    assert asyncio.run(connect()) == ("203.0.113.7", 50_000)


@pytest.mark.parametrize("head", [HALF_HEAD + b"X: ", b"GET /"], ids=["header", "url"])
def test_overlong_head_is_refused(port, head):
    # With more bytes, which the server does not read, a reset might overtake the response.
    head = (head + b"a" * MAX_HEAD_BYTES)[: MAX_HEAD_BYTES + 1]
    assert exchange(port, head).startswith(b"HTTP/1.1 400 ")


def test_size_limits_of_bodies_and_later_heads_are_independent(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=longest())
    for size in (0, 500_000, 3):
        head = {"X": "a" * (MAX_HEAD_BYTES * 3 // 4)}
        connection.request("POST", "/", b"b" * size, head)
        assert connection.getresponse().read() == str(size).encode()
    connection.close()


@pytest.mark.parametrize(
    "part", [b"", HALF_HEAD, HALF_BODY], ids=["nothing", "head", "body"]
)
def test_connection_whose_head_or_body_does_not_end_is_closed(impatient, part):
    assert exchange(impatient, part) == b""
    assert exchange(impatient, HELLO).endswith(b"0")


def test_incomplete_second_request_is_ended(impatient):
    with connect(impatient, HELLO.replace(b"Connection: close\r\n", b"")) as connection:
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.read()) == (200, b"0")
        connection.sendall(HALF_HEAD)
        assert read_rest(connection) == b""


def test_response_that_takes_longer_than_the_deadlines_is_sent():
    with (
        run_server(Impatient) as (port, may_answer),
        connect(port, HELLO.replace(b"/ ", b"/long ")) as slow,
    ):
        assert exchange(port, HALF_HEAD) == b""  # the deadline is over
        may_answer.set()
        assert read_rest(slow).endswith(b"at last")


def test_one_connection_too_many_ends_one_that_waits_and_is_answered():
    with (
        run_server(OfTwo) as (port, _),
        connect(port, HALF_HEAD) as first,
        connect(port, HALF_HEAD) as second,
    ):
        assert exchange(port, HELLO).endswith(b"0")
        answers = []
        for waiting in (first, second):
            with suppress(ConnectionError):  # it is the one that was ended
                waiting.sendall(b"Connection: close\r\n\r\n")
            answers.append(read_rest(waiting)[-1:])
    assert sorted(answers) == [b"", b"0"]
