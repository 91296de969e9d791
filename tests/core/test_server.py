"""Common parts of the HTTP servers: listening, the watchdog of systemd, free ports."""

import asyncio
import secrets
import socket

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request

from merlin.core.errors import ConfigError
from merlin.core.i18n import text
from merlin.core.server import (
    content_length,
    free_ports,
    head_as_get,
    join_chunks,
    listen,
    notify_watchdog,
    read_chunks,
    run_while_connected,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("is_well", [True, False])
def test_watchdog_is_notified_only_while_the_work_is_alive(is_well):
    beats = []

    async def run():
        task = asyncio.create_task(
            notify_watchdog(lambda: beats.append(1), lambda: is_well)
        )
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(run())
    assert beats == [1] * is_well


def test_address_in_use_is_reported_with_its_setting():
    with listen("api.listen", "127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=f"engine.listen: 127.0.0.1:{port}"
        ) as caught:
            listen("engine.listen", "127.0.0.1", port)
    message = text("ru", caught.value.key, **caught.value.arguments)
    assert "Address already in use" in message
    assert message.endswith("задайте другой engine.listen")


def test_host_that_is_none_is_reported_with_its_setting():
    with pytest.raises(ConfigError, match=r"api.listen: a\.\.b:80"):
        listen("api.listen", "a..b", 80)


def test_free_ports_are_distinct_usable_and_below_the_ephemeral_range():
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert max(ports) < 32_768
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))


def test_port_that_is_taken_is_passed_over(monkeypatch):
    ports = free_ports(2)
    choose = secrets.randbelow
    first = iter([ports[0] - 20_000, ports[1] - 20_000])
    monkeypatch.setattr(
        secrets, "randbelow", lambda most: next(first, None) or choose(most)
    )
    assert free_ports(1)[0] not in ports
    assert list(first) == []


def test_only_the_newest_ports_are_kept_from_others():
    oldest = free_ports(70)[0]
    with socket.socket() as other:
        other.bind(("127.0.0.1", oldest))


def make_request(*pieces, size=None, is_ended=True):
    """Return a request whose body comes in these pieces; one not `is_ended` then waits."""
    messages = [
        {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
    ]
    if is_ended:
        messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    headers = [] if size is None else [(b"content-length", str(size).encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


async def list_chunks(request):
    too_large = ValueError("too large")
    return [chunk async for chunk in read_chunks(request, 4, too_large) if chunk]


def test_body_is_read_up_to_its_limit():
    assert asyncio.run(list_chunks(make_request(b"ab", b"cd"))) == [b"ab", b"cd"]
    for request in (make_request(b"ab", b"cde"), make_request(size=5, is_ended=False)):
        with pytest.raises(ValueError, match="too large"):
            asyncio.run(list_chunks(request))


def test_chunks_are_joined_up_to_their_limit():
    async def join(*pieces):
        async def send_pieces():
            for piece in pieces:
                yield piece

        return await join_chunks(send_pieces(), 4, ValueError("too large"))

    assert asyncio.run(join(b"ab", b"cd")) == b"abcd"
    with pytest.raises(ValueError, match="too large"):
        asyncio.run(join(b"ab", b"cde"))


@pytest.mark.parametrize(
    ("headers", "size"),
    [({}, 0), ({"content-length": "7"}, 7), ({"content-length": "0" * 5000 + "7"}, 7)],
)
def test_declared_size_may_have_any_zeros_before_it(headers, size):
    assert content_length(Headers(headers)) == size


@pytest.mark.parametrize(("method", "body"), [("GET", b"words"), ("HEAD", b"")])
def test_head_is_answered_as_get_without_the_body(method, body):
    sent = []

    async def send(message):
        sent.append(message)

    async def answer():
        scope, send_answer = head_as_get({"method": method, "path": "/"}, send)
        await send_answer({"type": "http.response.start", "status": 200})
        await send_answer({"type": "http.response.body", "body": b"words"})
        return scope

    assert asyncio.run(answer()) == {"method": "GET", "path": "/"}
    assert [message.get("body") for message in sent] == [None, body]


def test_work_ends_with_its_result_or_with_the_connection():
    ended = []

    async def work_forever():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    async def leave():
        return {"type": "http.disconnect"}

    async def run():
        waiting = make_request(b"rest", is_ended=False)
        done = await run_while_connected(waiting, asyncio.sleep(0, "done"))
        left = Request({"type": "http"}, leave)
        return done, await run_while_connected(left, work_forever())

    assert asyncio.run(run()) == ("done", None)
    assert ended == [1]
