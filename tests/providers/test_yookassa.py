"""The gateway to YooKassa: its requests, its responses, and those that are missing or broken."""

import asyncio
import json
import logging
import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, cycle, repeat

import pytest

from merlin.app.settlement import find_mismatch
from merlin.config.shop import Receipt
from merlin.core.errors import GatewayUnavailable, PaymentError, PaymentUnknown
from merlin.core.money import Amount, Currency, roubles, stars
from merlin.providers.base import ENDLESS_LIST
from merlin.providers.payments import PaymentStatus
from merlin.providers.yookassa import build_receipt, build_refund, parse_payment
from tests.providers.yookassa_calls import (
    DESCRIPTION,
    RETURN_URL,
    SENT_S,
    count_payments,
    drip,
    drip_header,
    make_payment_request,
    make_purchase,
    make_refund_request,
    open_gateway,
    read_until_closed,
    run_raw_server,
    run_server,
)
from tests.support.certificates import create_certificate, encode_key, generate_key
from tests.support.faults import Fault, FaultKind
from tests.support.forked_processes import FORKS
from tests.support.refusals import catch
from tests.support.stand_ins import YooKassaStandIn
from tests.support.waiting import longest

pytestmark = pytest.mark.functional


def test_payment_is_created_for_its_purchase_and_read_again(yookassa, gateway):
    purchase = make_purchase(1)
    payment = asyncio.run(
        gateway.create(make_payment_request(1, description=DESCRIPTION))
    )
    assert payment.status is PaymentStatus.PENDING
    assert payment.pay_url.endswith(f"/pay/{payment.outside_id}")
    assert find_mismatch(purchase, payment) == ""
    call = yookassa.calls("payments.create")[-1]
    assert call.key == purchase.purchase_id
    assert call.body["capture"] is True
    assert call.body["amount"] == {"value": "299.00", "currency": "RUB"}
    assert call.body["description"] == DESCRIPTION
    assert call.body["confirmation"] == {"type": "redirect", "return_url": RETURN_URL}
    yookassa.choose(payment.outside_id, "paid")
    paid = asyncio.run(gateway.find(payment.outside_id))
    assert (paid.status, paid.is_paid, paid.is_test) == (
        PaymentStatus.SUCCEEDED,
        True,
        True,
    )
    assert paid.amount == Amount(29_900, Currency.RUB)
    assert paid.at is not None
    assert paid.at.utcoffset() == timedelta(0)


def create_at_once(base_url):
    """Create several payments at the same time."""

    async def create(gateway):
        requests = (make_payment_request(number) for number in range(101, 109))
        await asyncio.gather(*map(gateway.create, requests))

    with open_gateway(base_url) as gateway:
        asyncio.run(create(gateway))


def test_first_payments_of_a_process_can_be_created_at_the_same_time(yookassa):
    # The package of YooKassa is imported for the first payment of a process.
    process = FORKS.Process(target=create_at_once, args=(yookassa.base_url,))
    process.start()
    process.join(longest())
    assert process.exitcode == 0


def test_repeated_key_creates_one_payment(yookassa, gateway):
    request = make_payment_request(2, description=DESCRIPTION)
    first = asyncio.run(gateway.create(request))
    assert asyncio.run(gateway.create(request)).outside_id == first.outside_id
    assert count_payments(yookassa, 2) == 1


def test_refund_is_made_under_its_own_key_and_found(yookassa, gateway):
    paid = asyncio.run(gateway.create(make_payment_request(7, description=DESCRIPTION)))
    yookassa.choose(paid.outside_id, "paid")
    request = make_refund_request(
        "r" * 32, paid.outside_id, roubles("100.50"), "не подошло"
    )
    part = asyncio.run(gateway.refund(request))
    assert (part.is_done, part.amount.minor, part.payment_id) == (
        True,
        10_050,
        paid.outside_id,
    )
    assert asyncio.run(gateway.refund(request)).outside_id == part.outside_id
    assert asyncio.run(gateway.find(paid.outside_id)).refunded == 10_050
    assert asyncio.run(gateway.find_refund(part.outside_id)) == part
    assert asyncio.run(gateway.refunds(paid.outside_id)) == [part]
    more = make_refund_request("q" * 32, paid.outside_id, roubles("199.00"))
    refused = catch(PaymentError, asyncio.run, gateway.refund(more))
    assert (type(refused), refused.code) == (
        PaymentError,
        "invalid_request",
    )


def test_receipts_are_sent_to_the_buyer_at_payment_and_refund(yookassa):
    receipt = Receipt(vat_code=4, tax_system_code=6)
    with open_gateway(yookassa.base_url, receipt=receipt) as gateway:
        contact = "+7 (900) 123-45-67"
        paid = asyncio.run(
            gateway.create(
                make_payment_request(8, description=DESCRIPTION, contact=contact)
            )
        )
        yookassa.choose(paid.outside_id, "paid")
        asyncio.run(
            gateway.refund(
                make_refund_request(
                    "s" * 32, paid.outside_id, roubles(100), "часть", contact=contact
                )
            )
        )
        refused = catch(
            PaymentError,
            asyncio.run,
            gateway.create(
                make_payment_request(9, description=DESCRIPTION, contact="")
            ),
        )
    assert refused.code == "no_contact"
    sold, returned = yookassa.receipts()[-2:]
    assert sold["customer"] == returned["customer"] == {"phone": "79001234567"}
    assert (sold["items"][0]["vat_code"], sold["items"][0]["description"]) == (
        4,
        DESCRIPTION,
    )
    assert returned["items"][0]["amount"]["value"] == "100.00"
    assert sold["tax_system_code"] == returned["tax_system_code"] == 6


@pytest.mark.parametrize(
    ("receipt", "is_part", "error"),
    [(Receipt(), True, "no_contact"), (Receipt(), False, ""), (None, True, "")],
)
def test_part_without_a_contact_for_its_receipt_is_not_sent(receipt, is_part, error):
    request = make_refund_request("t" * 32, "paid", roubles(100), "x")
    request = replace(request, is_part=is_part)
    if error:
        assert catch(PaymentError, build_refund, request, receipt).code == error
    else:
        assert "receipt" not in build_refund(request, receipt)


def test_tax_system_that_is_not_set_is_not_sent():
    receipt = build_receipt(Receipt(), "anna@example.com", "Плюс", roubles(1))
    assert "tax_system_code" not in receipt


def test_payment_list_is_read_to_its_end(yookassa, gateway):
    with YooKassaStandIn() as other, open_gateway(other.base_url) as other_gateway:

        async def create_payments() -> None:
            for number in range(103):
                await other_gateway.create(make_payment_request(number))

        since = datetime.now(UTC) - timedelta(minutes=1)
        asyncio.run(create_payments())
        payments = asyncio.run(
            other_gateway.between(since, datetime.now(UTC) + timedelta(minutes=1))
        )
        assert {payment.purchase_id for payment in payments} == {
            f"{n:032x}" for n in range(103)
        }
        assert len(other.calls("payments.list")) == 2
        assert (
            asyncio.run(other_gateway.between(since - timedelta(days=1), since)) == []
        )


@pytest.mark.parametrize(
    "payment_id", ["", "../refunds", "a/capture", "a?b", "a b", "я", "x" * 65]
)
def test_invalid_payment_id_is_never_sent(yookassa, gateway, payment_id):
    before = len(yookassa.calls())
    refused = catch(PaymentError, asyncio.run, gateway.find(payment_id))
    assert refused.code == "not_found"
    assert len(yookassa.calls()) == before


def test_unknown_payment_is_not_found(gateway):
    refused = catch(
        PaymentError, asyncio.run, gateway.find("22e12f66-000f-5000-8000-18db351245c7")
    )
    assert (type(refused), refused.code) == (PaymentError, "not_found")


def test_refund_in_stars_is_refused(gateway):
    refused = catch(
        PaymentError,
        asyncio.run,
        gateway.refund(make_refund_request("k", "p1", stars(5))),
    )
    assert refused.code == "currency"


def make_response(**fields: object) -> dict[str, object]:
    amount = {"value": "299.00", "currency": "RUB"}
    return {"id": "p1", "status": "pending", "amount": amount, **fields}


def test_unknown_status_is_unknown_and_missing_fields_are_false():
    payment = parse_payment(
        make_response(
            status="thinking", test="true", paid=1, metadata=None, captured_at="soon"
        )
    )
    assert (payment.status, payment.is_paid, payment.is_test) == (
        PaymentStatus.UNKNOWN,
        False,
        False,
    )
    assert (payment.purchase_id, payment.at, payment.pay_url) == ("", None, "")
    assert (
        parse_payment(
            make_response(confirmation={"confirmation_url": "javascript:alert(1)"})
        ).pay_url
        == ""
    )


@pytest.mark.parametrize(
    "amount",
    [
        None,
        "299.00",
        {"value": 299.0, "currency": "RUB"},
        {"value": "299.001", "currency": "RUB"},
        {"value": "-1.00", "currency": "RUB"},
        {"value": "NaN", "currency": "RUB"},
        {"value": "1e400", "currency": "RUB"},
        {"value": "299.00", "currency": "USD"},
    ],
)
def test_amount_is_exact_or_an_error(amount):
    with pytest.raises(PaymentError):
        parse_payment(make_response(amount=amount))


def test_secret_is_absent_from_errors_and_logs(yookassa, caplog):
    caplog.set_level(logging.DEBUG)
    secret = "live_very-secret-key"
    with open_gateway(yookassa.base_url, key=secret) as gateway:
        refused = catch(
            PaymentError, asyncio.run, gateway.create(make_payment_request(1))
        )
        output = repr(gateway) + str(refused) + repr(refused) + caplog.text
    assert refused.code == "invalid_credentials"
    assert secret not in output
    # An exception of the HTTP client may contain the request's headers.
    assert refused.__context__ is None
    assert refused.__cause__ is None


def test_netrc_does_not_replace_the_shops_credentials(
    yookassa, gateway, tmp_path, monkeypatch
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    asyncio.run(gateway.create(make_payment_request(15)))


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
    caught = catch(PaymentError, asyncio.run, gateway.create(make_payment_request(10)))
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
    assert (
        type(catch(PaymentError, asyncio.run, gateway.create(payment_request)))
        is PaymentUnknown
    )
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
    refused = catch(
        PaymentError,
        asyncio.run,
        gateway.refund(make_refund_request("k", "p1", roubles(5))),
    )
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
