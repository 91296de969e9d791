"""The gateway to YooKassa: its requests, and how it reads the responses."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from merlin.app.settlement import find_mismatch
from merlin.config.shop import Receipt
from merlin.core.errors import PaymentError
from merlin.core.money import Amount, Currency, roubles, stars
from merlin.providers.payments import PaymentStatus
from merlin.providers.yookassa import parse_payment
from tests.providers.yookassa_calls import (
    DESCRIPTION,
    RETURN_URL,
    catch_error,
    count_payments,
    make_payment_request,
    make_purchase,
    make_refund_request,
    open_gateway,
)
from tests.support.forked_processes import FORKS
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
    refused = catch_error(gateway.refund(more))
    assert (type(refused), refused.code) == (
        PaymentError,
        "invalid_request",
    )


def test_receipts_are_sent_to_the_buyer_at_payment_and_refund(yookassa):
    receipt = Receipt(vat_code=4)
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
        refused = catch_error(
            gateway.create(make_payment_request(9, description=DESCRIPTION, contact=""))
        )
    assert refused.code == "no_contact"
    sold, returned = yookassa.receipts()[-2:]
    assert sold["customer"] == returned["customer"] == {"phone": "79001234567"}
    assert (sold["items"][0]["vat_code"], sold["items"][0]["description"]) == (
        4,
        DESCRIPTION,
    )
    assert returned["items"][0]["amount"]["value"] == "100.00"


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
    refused = catch_error(gateway.find(payment_id))
    assert refused.code == "not_found"
    assert len(yookassa.calls()) == before


def test_unknown_payment_is_not_found(gateway):
    refused = catch_error(gateway.find("22e12f66-000f-5000-8000-18db351245c7"))
    assert (type(refused), refused.code) == (PaymentError, "not_found")


def test_refund_in_stars_is_refused(gateway):
    refused = catch_error(gateway.refund(make_refund_request("k", "p1", stars(5))))
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
        refused = catch_error(gateway.create(make_payment_request(1)))
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
