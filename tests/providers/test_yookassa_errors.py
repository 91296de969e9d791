"""The gateway to YooKassa when the response is missing, late, broken or about another payment."""

import asyncio
import json
import socket
import ssl
from itertools import count, cycle, repeat

import pytest

from merlin.core.errors import GatewayUnavailable, PaymentError, PaymentUnknown
from merlin.core.money import roubles
from merlin.providers.base import ENDLESS_LIST
from tests.providers.yookassa_calls import (
    SENT_S,
    catch_error,
    count_payments,
    drip,
    drip_header,
    make_payment_request,
    make_refund_request,
    open_gateway,
    read_until_closed,
    run_raw_server,
    run_server,
)
from tests.support.certificates import create_certificate, encode_key, generate_key
from tests.support.faults import Fault, FaultKind

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
def test_status_becomes_our_error_without_a_retry(
    yookassa, gateway, status, kind, code
):
    yookassa.faults.add(Fault("payments.create", FaultKind.STATUS, status=status))
    calls_before = len(yookassa.calls())
    caught = catch_error(gateway.create(make_payment_request(10)))
    assert (type(caught), caught.code) == (kind, code)
    assert len(yookassa.calls()) == calls_before


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (11, Fault("payments.create", FaultKind.DROP)),
        (12, Fault("payments.create", FaultKind.REFUSE)),
        (13, Fault("payments.create", FaultKind.CUT)),
        (21, Fault("payments.create", FaultKind.DONE_STATUS, status=500)),
        (22, Fault("payments.create", FaultKind.DONE_STATUS, status=202)),
    ],
)
def test_call_whose_response_is_lost_is_in_doubt_and_repeated_one_payment(
    yookassa, gateway, number, fault
):
    yookassa.faults.add(fault)
    payment_request = make_payment_request(number)
    assert type(catch_error(gateway.create(payment_request))) is PaymentUnknown
    asyncio.run(gateway.create(payment_request))
    assert count_payments(yookassa, number) == 1


def test_unreachable_address_raises_gateway_unavailable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        with (
            open_gateway(f"http://127.0.0.1:{taken.getsockname()[1]}/v3") as gateway,
            pytest.raises(GatewayUnavailable) as unavailable,
        ):
            asyncio.run(gateway.create(make_payment_request(1)))
    assert type(unavailable.value) is GatewayUnavailable


def drip_body(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    drip(connection, b" ")


@pytest.mark.parametrize("serve", [read_until_closed, drip_header, drip_body])
def test_endless_response_ends_at_the_deadline(serve):
    with (
        run_raw_server(serve) as url,
        open_gateway(url, deadline_s=SENT_S) as gateway,
        pytest.raises(PaymentUnknown),
    ):
        asyncio.run(gateway.create(make_payment_request(1)))


@pytest.mark.parametrize(
    "content", [b"<html>", b"", b"[]", b'"x"', b"{}", b'{"id": 1}', b"\xff"]
)
def test_unreadable_response_is_ambiguous_for_a_create(content):
    with run_server(content) as url, open_gateway(url) as gateway:
        with pytest.raises(PaymentUnknown):
            asyncio.run(gateway.create(make_payment_request(1)))
        with pytest.raises(PaymentError):
            asyncio.run(gateway.find("p1"))
        # It is no empty list, by which a payment or refund would be made a second time.
        with pytest.raises(PaymentError):
            asyncio.run(gateway.refunds("p1"))


@pytest.mark.parametrize(
    ("cursors", "limits", "pages"),
    [
        (repeat("a"), {}, 2),
        (cycle("ab"), {}, 3),
        (map(str, count()), {"max_pages": 4}, 4),
        (map(str, count()), {"list_s": 0.0}, 0),
    ],
    ids=["repeated", "in turns", "always new", "too slow"],
)
def test_list_without_an_end_is_left(cursors, limits, pages):
    sent = []

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        sent.append(next(cursors))
        content = json.dumps({"items": [], "next_cursor": sent[-1]}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n"
        connection.sendall(head.encode() + content)
        read_until_closed(connection)

    with (
        run_raw_server(serve) as url,
        open_gateway(url, limits=limits) as gateway,
        pytest.raises(GatewayUnavailable) as left,
    ):
        asyncio.run(gateway.refunds("p1"))
    assert (left.value.code, len(sent)) == (ENDLESS_LIST, pages)


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found", "503 Busy"])
def test_error_without_json_is_that_of_a_proxy_and_ends_nothing(status):
    with (
        run_server(b"<html>", status) as url,
        open_gateway(url) as gateway,
        pytest.raises(PaymentUnknown) as doubt,
    ):
        asyncio.run(gateway.find("p1"))
    assert doubt.value.code == f"http_{status[:3]}"


def test_redirect_is_not_followed_with_the_credentials(yookassa):
    location = f"Location: {yookassa.base_url}/payments\r\n"
    before = len(yookassa.calls())
    with (
        run_server(b"", "307 Elsewhere", location) as url,
        open_gateway(url) as gateway,
        pytest.raises(PaymentError) as refused,
    ):
        asyncio.run(gateway.create(make_payment_request(14)))
    assert refused.value.code == "http_307"
    assert len(yookassa.calls()) == before


def test_another_payment_than_the_requested_one_is_rejected():
    payment = {"id": "p2", "status": "succeeded", "paid": True}
    payment["amount"] = {"value": "299.00", "currency": "RUB"}
    with (
        run_server(json.dumps(payment).encode()) as url,
        open_gateway(url) as gateway,
        pytest.raises(PaymentError),
    ):
        asyncio.run(gateway.find("p1"))


def test_listed_refund_that_cannot_be_read_is_left_out():
    amount = {"value": "100.00", "currency": "RUB"}
    good = {"id": "r1", "payment_id": "p1", "amount": amount, "status": "succeeded"}
    good["created_at"] = "2026-11-30T12:00:00Z"
    other_currency = {**good, "amount": {**amount, "currency": "USD"}}
    items = [good, {**good, "created_at": "soon"}, other_currency, "r2"]
    content = json.dumps({"items": items}).encode()
    with run_server(content) as url, open_gateway(url) as gateway:
        (refund,) = asyncio.run(gateway.refunds("p1"))
    assert (refund.outside_id, refund.amount.minor) == ("r1", 10_000)


def test_refund_that_the_shops_package_refuses_is_never_sent(yookassa, gateway):
    before = len(yookassa.calls())
    refused = catch_error(gateway.refund(make_refund_request("k", "p1", roubles(5))))
    assert (type(refused), refused.code) == (
        PaymentError,
        "invalid_request",
    )
    assert len(yookassa.calls()) == before


PAYMENT = {
    "id": "p1",
    "status": "pending",
    "amount": {"value": "299.00", "currency": "RUB"},
}


def test_untrusted_certificate_raises_gateway_unavailable(tmp_path):
    key = generate_key()
    certificate = tmp_path / "gateway.pem"
    certificate.write_bytes(encode_key(key) + create_certificate(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with (
        run_server(json.dumps(PAYMENT).encode(), tls=context) as url,
        open_gateway(url) as gateway,
        pytest.raises(GatewayUnavailable) as unavailable,
    ):
        asyncio.run(gateway.find("p1"))
    assert type(unavailable.value) is GatewayUnavailable
