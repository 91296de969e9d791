"""The gateway to YooKassa when it gives no answer, or not the one that was asked for."""

from __future__ import annotations

import asyncio
import json
import select
import socket
import threading

import pytest

from merlin.core.errors import GatewayUnavailable, PaymentError, PaymentUnknown
from merlin.providers.yookassa import DEADLINE_S
from merlin.sandbox.faults import Fault, FaultKind
from tests.providers.yookassa_calls import (
    BACK,
    HEARD_S,
    answering,
    gateway_at,
    raw,
    request,
    silent,
)
from tests.support.waiting import CHECK_INTERVAL_S, longest

pytestmark = pytest.mark.functional


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, PaymentError, "invalid_request"),
        (401, PaymentError, "invalid_credentials"),
        (403, PaymentError, "forbidden"),
        (404, PaymentError, "not_found"),
        (405, PaymentError, "internal_server_error"),
        (429, GatewayUnavailable, "too_many_requests"),
        (202, PaymentUnknown, "http_202"),
        (500, PaymentUnknown, "internal_server_error"),
        (502, PaymentUnknown, "internal_server_error"),
    ],
)
def test_a_status_becomes_our_error_and_is_not_asked_twice(shop, gateway, status, kind, code):
    shop.faults.add(Fault("payments.create", FaultKind.STATUS, status=status))
    asked = len(shop.calls())
    with pytest.raises(PaymentError) as caught:
        asyncio.run(gateway.create(request(10, BACK, "")))
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert len(shop.calls()) == asked


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.REFUSE, FaultKind.CUT])
def test_a_connection_that_ends_after_the_call_leaves_a_doubt(shop, gateway, kind):
    shop.faults.add(Fault("payments.create", kind))
    asked = request(11, BACK, "")
    with pytest.raises(PaymentUnknown):
        asyncio.run(gateway.create(asked))
    asyncio.run(gateway.create(asked))
    made = [
        payment for payment in shop.payments() if payment["metadata"]["purchase"] == f"{11:032x}"
    ]
    assert len(made) == 1


def test_what_was_done_and_yet_answered_badly_is_one_payment_too(shop, gateway):
    asked = request(12, BACK, "")
    for status in (500, 202):
        shop.faults.add(Fault("payments.create", FaultKind.DONE_STATUS, status=status))
        with pytest.raises(PaymentUnknown):
            asyncio.run(gateway.create(asked))
    asyncio.run(gateway.create(asked))
    made = [
        payment for payment in shop.payments() if payment["metadata"]["purchase"] == f"{12:032x}"
    ]
    assert len(made) == 1


def test_nobody_at_the_address_was_surely_not_asked():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        with (
            gateway_at(f"http://127.0.0.1:{taken.getsockname()[1]}/v3") as gateway,
            pytest.raises(GatewayUnavailable) as away,
        ):
            asyncio.run(gateway.create(request(1, BACK, "")))
    assert type(away.value) is GatewayUnavailable


def test_a_till_without_tls_was_surely_not_asked(shop):
    with (
        gateway_at(shop.base_url.replace("http:", "https:")) as gateway,
        pytest.raises(GatewayUnavailable) as away,
    ):
        asyncio.run(gateway.create(request(13, BACK, "")))
    assert type(away.value) is GatewayUnavailable


def drips_head(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    drip(connection, b"a")


def drips_body(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    drip(connection, b" ")


def drip(connection: socket.socket, drop: bytes) -> None:
    """Send a drop now and then until the client leaves."""
    while not select.select([connection], [], [], CHECK_INTERVAL_S)[0]:
        connection.sendall(drop)


@pytest.mark.parametrize("serve", [silent, drips_head, drips_body])
def test_a_till_that_never_ends_is_left_in_time(serve):
    with (
        raw(serve) as url,
        gateway_at(url, deadline_s=HEARD_S) as gateway,
        pytest.raises(PaymentUnknown),
    ):
        asyncio.run(gateway.create(request(1, BACK, "")))
    assert DEADLINE_S < 10


def test_an_asker_who_is_gone_takes_their_call_along():
    is_asked, is_left = threading.Event(), threading.Event()

    def hears(connection: socket.socket) -> None:
        connection.recv(65_536)
        is_asked.set()
        silent(connection)
        is_left.set()

    with raw(hears) as url, gateway_at(url) as gateway:

        async def leave() -> None:
            task = asyncio.create_task(gateway.find("p1"))
            await asyncio.to_thread(is_asked.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(is_left.wait, longest())

        asyncio.run(leave())


@pytest.mark.parametrize("content", [b"<html>", b"", b"[]", b'"x"', b"{}", b'{"id": 1}', b"\xff"])
def test_an_answer_that_cannot_be_read_is_a_doubt_when_something_was_asked_for(content):
    with answering(content) as url, gateway_at(url) as gateway:
        with pytest.raises(PaymentUnknown):
            asyncio.run(gateway.create(request(1, BACK, "")))
        with pytest.raises(PaymentError):
            asyncio.run(gateway.find("p1"))


def test_an_error_without_json_keeps_its_status():
    with (
        answering(b"<html>", "503 Busy") as url,
        gateway_at(url) as gateway,
        pytest.raises(PaymentUnknown) as doubt,
    ):
        asyncio.run(gateway.find("p1"))
    assert doubt.value.code == "http_503"


def test_a_redirect_is_not_followed_with_the_credentials(shop):
    to = f"Location: {shop.base_url}/payments\r\n"
    before = len(shop.calls())
    with (
        answering(b"", "307 Elsewhere", to) as url,
        gateway_at(url) as gateway,
        pytest.raises(PaymentError) as refused,
    ):
        asyncio.run(gateway.create(request(14, BACK, "")))
    assert refused.value.code == "http_307"
    assert len(shop.calls()) == before


def test_another_payment_than_the_one_asked_for_is_not_taken():
    told = {"id": "p2", "status": "succeeded", "paid": True}
    told["amount"] = {"value": "299.00", "currency": "RUB"}
    with (
        answering(json.dumps(told).encode()) as url,
        gateway_at(url) as gateway,
        pytest.raises(PaymentError),
    ):
        asyncio.run(gateway.find("p1"))
