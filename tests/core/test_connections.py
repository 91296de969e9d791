"""Limits of connections on the server: timeouts, sizes, connections per address and in total."""

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
from uvicorn.server import ServerState

from merlin.core.connections import (
    DEFAULT_LIMITS,
    MAX_HEAD_BYTES,
    BoundedHttp,
    ConnectionLimits,
    Connections,
    Server,
)
from merlin.core.metrics import metrics_page
from merlin.core.server import listen
from tests.support.metrics_page import metric_value
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional

# Short, but longer than a client that is not slow needs on any machine.
SHORT = ConnectionLimits(head_s=0.5, body_s=0.5, answer_s=1)
SMALL = ConnectionLimits(per_address=5, in_all=8)
HELLO = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HALF_HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
HALF_BODY = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"


async def answer_length(request):
    return PlainTextResponse(str(len(await request.body())))


async def answer_endlessly(_request):
    async def generate():
        while True:
            await asyncio.sleep(0)
            yield b"a" * 65536

    return StreamingResponse(generate())


async def answer_late(request):
    """Answer once `may_answer` is set."""
    await asyncio.to_thread(request.app.state.may_answer.wait)
    return PlainTextResponse("at last")


class RunningServer:
    """A running server: its port, its connections, the event that its application waits for."""

    def __init__(self, app, port, connections):
        self.port, self.connections, self.may_answer = port, connections, app.state.may_answer

    def connect(self, *pieces, source="127.0.0.1"):
        address = ("127.0.0.1", self.port)
        connection = socket.create_connection(
            address, timeout=longest(), source_address=(source, 0)
        )
        for piece in pieces:
            connection.sendall(piece)
        return connection

    def exchange(self, *pieces, source="127.0.0.1"):
        """Send these bytes; return everything received until the connection is closed."""
        with self.connect(*pieces, source=source) as connection:
            return read_rest(connection)

    def metrics(self):
        return metrics_page(self.connections.metrics("merlin", "http")).decode()


def count_ended(served, reason):
    return metric_value(served.metrics(), "merlin_http_connections_ended_total", reason=reason)


def read_rest(connection):
    """Return everything received until the connection is closed; "" after a reset."""
    try:
        return b"".join(iter(lambda: connection.recv(65536), b""))
    except ConnectionResetError:
        return b""


@contextmanager
def run_server(limits=DEFAULT_LIMITS, trusted=()):
    """Run a server as the processes do, on the same socket and event loop."""
    routes = [
        Route("/", answer_length, methods=["GET", "POST"]),
        Route("/endless", answer_endlessly),
        Route("/long", answer_late),
    ]
    app = Starlette(routes=routes)
    app.state.may_answer = threading.Event()
    connections = Connections(limits, trusted)
    ready = threading.Event()
    with listen("api.listen", "127.0.0.1", 0) as listener:
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
        uvicorn_server = Server(config, ready.set, connections)
        thread = threading.Thread(target=uvloop.run, args=(uvicorn_server.serve([listener]),))
        thread.start()
        try:
            assert ready.wait(longest())
            yield RunningServer(app, listener.getsockname()[1], connections)
        finally:
            app.state.may_answer.set()
            uvicorn_server.should_exit = uvicorn_server.force_exit = True
            thread.join()


@pytest.fixture(scope="module")
def server():
    with run_server() as server:
        yield server


@pytest.fixture
def impatient_server():
    with run_server(SHORT) as server:
        yield server


@pytest.fixture
def small_server():
    with run_server(SMALL, trusted=["127.0.0.1"]) as server:
        yield server


def test_tcp_nodelay_is_set_and_a_response_is_sent_at_once(server):
    with server.connect(HELLO) as connection:
        assert read_rest(connection).endswith(b"0")
    with server.connect(HALF_HEAD):
        wait_until(lambda: len(server.connections) == 1)
        (open_connection,) = server.connections.open
        tcp_socket = open_connection.transport.get_extra_info("socket")
        assert tcp_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


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


def cut_head(head):
    """Return the part of a head that is one byte too long.

    With more bytes, which the server does not read, the connection would be reset, and the reset
    may overtake the response.
    """
    return head[: MAX_HEAD_BYTES + 1]


@pytest.mark.parametrize(
    "line",
    [b"X: " + b"a" * MAX_HEAD_BYTES, b"\r\n".join([b"X: a"] * (MAX_HEAD_BYTES // 5))],
)
def test_overlong_head_is_refused(server, line):
    assert server.exchange(cut_head(HALF_HEAD + line)).startswith(b"HTTP/1.1 400 ")


def test_overlong_url_is_refused(server):
    address = b"GET /" + b"a" * MAX_HEAD_BYTES
    assert server.exchange(cut_head(address)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("hosts", [b"", b"Host: x\r\nHost: x\r\n"], ids=["none", "two"])
def test_request_without_one_host_is_refused(server, hosts):
    """RFC 9112, 3.2; HTTP/1.0 has no such header."""
    refused = server.exchange(b"GET / HTTP/1.1\r\nConnection: close\r\n" + hosts + b"\r\n")
    assert refused.startswith(b"HTTP/1.1 400 ")
    answered = server.exchange(b"GET / HTTP/1.0\r\n" + hosts + b"\r\n")
    assert answered.startswith(b"HTTP/1.1 200 ")


def test_size_limits_of_bodies_and_later_heads_are_independent(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=longest())
    for size in (0, 500_000, 3):
        head = {"X": "a" * (MAX_HEAD_BYTES * 3 // 4)}
        connection.request("POST", "/", b"b" * size, head)
        assert connection.getresponse().read() == str(size).encode()
    connection.close()


@pytest.mark.parametrize(("part", "reason"), [(HALF_HEAD, "head"), (HALF_BODY, "body")])
def test_incomplete_head_or_body_times_out(impatient_server, part, reason):
    with capture_logs() as logs:
        assert impatient_server.exchange(part).startswith(b"HTTP/1.1 408 ")
    events = [line for line in logs if line["event"] == "connections ended"]
    assert [(line["reason"], line["address"]) for line in events] == [(reason, "127.0.0.1")]
    assert count_ended(impatient_server, reason) == 1
    wait_until(lambda: metric_value(impatient_server.metrics(), "merlin_http_connections") == 0)


def test_incomplete_second_request_times_out(impatient_server):
    first = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with impatient_server.connect(first) as connection:
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.read()) == (200, b"0")
        connection.sendall(HALF_HEAD)
        assert read_rest(connection).startswith(b"HTTP/1.1 408 ")


def test_connection_that_sends_nothing_is_closed_without_a_response(impatient_server):
    assert impatient_server.exchange() == b""


def test_response_that_takes_longer_than_the_head_timeout_is_sent(impatient_server):
    with impatient_server.connect(HELLO.replace(b"/ ", b"/long ")) as slow:
        assert impatient_server.exchange(HALF_HEAD).startswith(b"HTTP/1.1 408 ")
        impatient_server.may_answer.set()
        assert read_rest(slow).endswith(b"at last")


def test_steady_body_may_take_longer_than_a_stalled_one(impatient_server):
    size = 64 * SHORT.body_bytes_per_s
    head = f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
    with impatient_server.connect(head.encode(), b"b" * (size - 1)) as steady:
        assert impatient_server.exchange(HALF_BODY).startswith(b"HTTP/1.1 408 ")
        steady.sendall(b"b")
        assert read_rest(steady).endswith(str(size).encode())


def test_response_that_the_client_does_not_read_is_ended(impatient_server):
    with impatient_server.connect(HELLO.replace(b"/ ", b"/endless ")):
        wait_until(lambda: count_ended(impatient_server, "answer") == 1)
        wait_until(lambda: len(impatient_server.connections) == 0)


def test_connections_of_one_address_are_limited_separately(small_server):
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(small_server.connect(HALF_HEAD, source="127.0.0.2"))
        wait_until(lambda: len(small_server.connections) == 5)
        refused = small_server.exchange(source="127.0.0.2")
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert small_server.exchange(HELLO, source="127.0.0.3").endswith(b"0")
        assert count_ended(small_server, "address") == 1
    wait_until(lambda: len(small_server.connections) == 0)
    assert small_server.exchange(HELLO, source="127.0.0.2").endswith(b"0")


def test_longest_half_open_connection_is_ended_when_all_are_in_use(small_server):
    with ExitStack() as stack:
        connections = [stack.enter_context(small_server.connect(HALF_HEAD)) for _ in range(8)]
        wait_until(lambda: len(small_server.connections) == 8)
        assert small_server.exchange(HELLO).endswith(b"0")
        assert read_rest(connections[0]).startswith(b"HTTP/1.1 408 ")
        assert count_ended(small_server, "total") == 1


def test_connection_being_answered_is_never_ended_for_another(small_server):
    with ExitStack() as stack:
        head = HELLO.replace(b"/ ", b"/long ")
        connections = [stack.enter_context(small_server.connect(head)) for _ in range(8)]
        wait_until(
            lambda: (
                sum(not connection.is_waiting for connection in small_server.connections.open) == 8
            )
        )
        assert small_server.exchange().startswith(b"HTTP/1.1 503 ")
        small_server.may_answer.set()
        assert all(read_rest(connection).endswith(b"at last") for connection in connections)
