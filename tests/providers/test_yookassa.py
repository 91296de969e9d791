"""The gateway to YooKassa: what it asks for, and how it reads what it is told."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from merlin.app.settlement import find_mismatch
from merlin.config.shop import Receipt
from merlin.core.errors import PaymentError
from merlin.core.money import Amount, Currency, roubles, stars
from merlin.providers.payments import Status
from merlin.providers.yookassa import build_customer, parse_payment
from merlin.sandbox.yookassa.server import YooKassaStandIn
from tests.providers.yookassa_calls import BACK, WORDS, gateway_at, purchase, refund, request

pytestmark = pytest.mark.functional


def test_a_payment_is_asked_for_under_its_purchase_and_read_again(shop, gateway):
    bought = purchase(1)
    asked = asyncio.run(gateway.create(request(1, BACK, WORDS, saves_method=True)))
    assert asked.status is Status.PENDING
    assert asked.pay_url.endswith(f"/pay/{asked.outside_id}")
    assert find_mismatch(bought, asked) == ""
    call = shop.calls("payments.create")[-1]
    assert call.key == bought.purchase_id
    assert call.body["capture"] is True
    assert call.body["amount"] == {"value": "299.00", "currency": "RUB"}
    assert call.body["description"] == WORDS
    assert call.body["confirmation"] == {"type": "redirect", "return_url": BACK}
    shop.choose(asked.outside_id, "paid")
    paid = asyncio.run(gateway.find(asked.outside_id))
    assert (paid.status, paid.is_paid, paid.is_test) == (Status.SUCCEEDED, True, True)
    assert paid.amount == Amount(29_900, Currency.RUB)
    assert (paid.method_id, paid.method_title) == (asked.outside_id, "Bank card *4444")
    assert paid.at is not None
    assert paid.at.utcoffset() == timedelta(0)


def test_asked_twice_under_one_key_there_is_one_payment(shop, gateway):
    asked_for = request(2, BACK, WORDS)
    first = asyncio.run(gateway.create(asked_for))
    assert asyncio.run(gateway.create(asked_for)).outside_id == first.outside_id
    made = [
        payment for payment in shop.payments() if payment["metadata"]["purchase"] == f"{2:032x}"
    ]
    assert len(made) == 1


def test_a_saved_method_pays_without_a_page(shop, gateway):
    first = asyncio.run(gateway.create(request(3, BACK, WORDS, saves_method=True)))
    shop.choose(first.outside_id, "paid")
    asked_for = request(4, "", WORDS, method_id=first.outside_id)
    renewed = asyncio.run(gateway.create(asked_for))
    assert (renewed.status, renewed.pay_url) == (Status.SUCCEEDED, "")
    assert "confirmation" not in shop.calls("payments.create")[-1].body


def test_held_money_is_taken_or_let_go(shop):
    with gateway_at(shop.base_url, capture="manual") as gateway:
        taken, let_go = (asyncio.run(gateway.create(request(n, BACK, ""))) for n in (5, 6))
        for one in (taken, let_go):
            assert shop.choose(one.outside_id, "paid")["status"] == "waiting_for_capture"
        assert asyncio.run(gateway.find(taken.outside_id)).status is Status.HELD
        done = asyncio.run(gateway.capture(taken))
        assert (done.status, done.is_paid) == (Status.SUCCEEDED, True)
        assert shop.calls("payments.capture")[-1].key == f"{5:032x}:capture"
        gone = asyncio.run(gateway.cancel(let_go))
        assert (gone.status, gone.reason) == (Status.CANCELED, "canceled_by_merchant")
        assert shop.calls("payments.cancel")[-1].key == f"{6:032x}:cancel"


def test_a_refund_goes_back_under_its_own_key_and_is_found(shop, gateway):
    paid = asyncio.run(gateway.create(request(7, BACK, WORDS)))
    shop.choose(paid.outside_id, "paid")
    part = asyncio.run(
        gateway.refund(refund("r" * 32, paid.outside_id, roubles("100.50"), "не подошло"))
    )
    assert (part.is_done, part.amount.minor, part.payment_id) == (True, 10_050, paid.outside_id)
    again = asyncio.run(
        gateway.refund(refund("r" * 32, paid.outside_id, roubles("100.50"), "не подошло"))
    )
    assert again.outside_id == part.outside_id
    assert asyncio.run(gateway.find(paid.outside_id)).refunded == 10_050
    assert asyncio.run(gateway.find_refund(part.outside_id)) == part
    assert asyncio.run(gateway.refunds(paid.outside_id)) == [part]
    with pytest.raises(PaymentError) as refused:
        asyncio.run(gateway.refund(refund("q" * 32, paid.outside_id, roubles("199.00"))))
    assert (type(refused.value), refused.value.code) == (PaymentError, "invalid_request")


def test_receipts_go_to_the_buyer_at_payment_and_at_refund(shop):
    receipt = Receipt(vat_code=4, tax_system=2)
    with gateway_at(shop.base_url, receipt=receipt) as gateway:
        contact = "+7 (900) 123-45-67"
        paid = asyncio.run(gateway.create(request(8, BACK, WORDS, contact=contact)))
        shop.choose(paid.outside_id, "paid")
        asyncio.run(
            gateway.refund(
                refund("s" * 32, paid.outside_id, roubles(100), "часть", contact=contact)
            )
        )
        with pytest.raises(PaymentError) as refused:
            asyncio.run(gateway.create(request(9, BACK, WORDS, contact="")))
    assert refused.value.code == "no_contact"
    sold, returned = shop.receipts()[-2:]
    assert sold["customer"] == returned["customer"] == {"phone": "79001234567"}
    assert sold["tax_system_code"] == 2
    assert (sold["items"][0]["vat_code"], sold["items"][0]["description"]) == (4, WORDS)
    assert returned["items"][0]["amount"]["value"] == "100.00"


@pytest.mark.parametrize(
    ("contact", "told"),
    [
        ("anna@example.com", {"email": "anna@example.com"}),
        ("8 900 123-45-67", {"phone": "79001234567"}),
        ("+381 60 1234567", {"phone": "381601234567"}),
    ],
)
def test_a_contact_is_an_address_or_a_number(contact, told):
    assert build_customer(contact) == told


def test_a_list_is_read_to_its_end(shop, gateway):
    with YooKassaStandIn() as other, gateway_at(other.base_url) as its:

        async def make() -> None:
            for number in range(103):
                await its.create(request(number, BACK, ""))

        since = datetime.now(UTC) - timedelta(minutes=1)
        asyncio.run(make())
        found = asyncio.run(its.between(since, datetime.now(UTC) + timedelta(minutes=1)))
        assert {one.purchase_id for one in found} == {f"{n:032x}" for n in range(103)}
        assert len(other.calls("payments.list")) == 2
        assert asyncio.run(its.between(since - timedelta(days=1), since)) == []


@pytest.mark.parametrize("named", ["", "../refunds", "a/capture", "a?b", "a b", "я", "x" * 65])
def test_an_id_that_is_none_is_never_asked_for(shop, gateway, named):
    before = len(shop.calls())
    with pytest.raises(PaymentError) as refused:
        asyncio.run(gateway.find(named))
    assert refused.value.code == "not_found"
    assert len(shop.calls()) == before


def test_an_unknown_payment_is_not_found(gateway):
    with pytest.raises(PaymentError) as refused:
        asyncio.run(gateway.find("22e12f66-000f-5000-8000-18db351245c7"))
    assert (type(refused.value), refused.value.code) == (PaymentError, "not_found")


def test_stars_are_not_asked_for_in_roubles(gateway):
    with pytest.raises(PaymentError) as refused:
        asyncio.run(gateway.refund(refund("k", "p1", stars(5))))
    assert refused.value.code == "currency"


def told(**more: object) -> dict[str, object]:
    amount = {"value": "299.00", "currency": "RUB"}
    return {"id": "p1", "status": "pending", "amount": amount, **more}


def test_a_word_that_is_new_is_unknown_and_what_is_missing_is_no():
    read = parse_payment(
        told(status="thinking", test="true", paid=1, metadata=None, captured_at="soon")
    )
    assert (read.status, read.is_paid, read.is_test) == (Status.UNKNOWN, False, False)
    assert (read.purchase_id, read.at, read.pay_url) == ("", None, "")
    assert (
        parse_payment(told(confirmation={"confirmation_url": "javascript:alert(1)"})).pay_url == ""
    )
    assert (
        parse_payment(told(payment_method={"id": "m", "title": "Card", "saved": False})).method_id
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
def test_an_amount_is_exact_or_an_error(amount):
    with pytest.raises(PaymentError):
        parse_payment(told(amount=amount))


def test_no_secret_is_told_in_errors_or_logs(shop, caplog):
    caplog.set_level(logging.DEBUG)
    secret = "live_very-secret-key"
    with gateway_at(shop.base_url, key=secret) as gateway:
        with pytest.raises(PaymentError) as refused:
            asyncio.run(gateway.create(request(1, BACK, "")))
        shown = repr(gateway) + str(refused.value) + repr(refused.value) + caplog.text
    assert refused.value.code == "invalid_credentials"
    assert secret not in shown
    # An error of the client may hold the request's headers.
    assert refused.value.__context__ is None
    assert refused.value.__cause__ is None


def test_a_netrc_of_the_machine_does_not_take_the_place_of_the_shop(
    shop, gateway, tmp_path, monkeypatch
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    asyncio.run(gateway.create(request(15, BACK, "")))
