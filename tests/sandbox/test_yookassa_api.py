"""The API of YooKassa's stand-in: validation, idempotency, captures, refunds, lists, receipts."""

from dataclasses import asdict

import pytest

from merlin.sandbox.yookassa.shop import Behaviour
from tests.sandbox.yookassa_client import YooKassaClient, make_payment_body
from tests.support.stand_ins import YooKassaStandIn

pytestmark = pytest.mark.functional

ITEM = {
    "description": "Плюс",
    "quantity": "1.00",
    "amount": {"value": "299.00", "currency": "RUB"},
    "vat_code": 1,
}


@pytest.fixture(scope="module")
def client():
    with YooKassaStandIn() as shop:
        yield YooKassaClient(shop)


@pytest.fixture(autouse=True)
def reset_behaviour(client):
    yield
    client.shop.behave(**asdict(Behaviour()))


def make_receipt(**fields):
    return {"customer": {"email": "anna@example.com"}, "items": [ITEM], **fields}


def test_one_key_makes_one_payment_and_keeps_its_first_response(client):
    first = client.pay("k1", key="one")
    client.shop.choose("k1", "paid")
    assert client.pay("k1", key="one") == first
    status, document = client.request(
        "POST", "/payments", make_payment_body("k1", description="Другое"), "one"
    )
    assert (status, document["parameter"]) == (400, "Idempotence-Key")
    assert client.request("POST", "/payments", make_payment_body("k1"), "")[0] == 400
    assert client.request("POST", "/payments", make_payment_body("k1"), "x" * 65)[0] == 400
    payments = [item for item in client.shop.payments() if item["metadata"]["purchase"] == "k1"]
    assert [payment["id"] for payment in payments] == [first["id"]]


@pytest.mark.parametrize(
    ("field", "value", "parameter"),
    [
        ("amount", None, "amount"),
        ("amount", {"value": "0.00", "currency": "RUB"}, "amount.value"),
        ("amount", {"value": "-5.00", "currency": "RUB"}, "amount.value"),
        ("amount", {"value": "5.001", "currency": "RUB"}, "amount.value"),
        ("amount", {"value": 5, "currency": "RUB"}, "amount.value"),
        ("amount", {"value": "5.00", "currency": "XTR"}, "amount.currency"),
        ("description", "я" * 129, "description"),
        ("capture", "yes", "capture"),
        ("confirmation", {"type": "redirect", "return_url": "/x"}, "confirmation.return_url"),
        ("metadata", {"n": "v" * 513}, "metadata.n"),
        ("metadata", {f"n{number}": "v" for number in range(17)}, "metadata"),
        ("receipt", {"items": [ITEM]}, "receipt.customer"),
        ("receipt", make_receipt(items=[]), "receipt.items"),
        ("receipt", make_receipt(items=[{**ITEM, "vat_code": 0}]), "receipt.items.0.vat_code"),
        ("receipt", make_receipt(items=[{**ITEM, "quantity": "0"}]), "receipt.items.0.quantity"),
        ("receipt", make_receipt(tax_system_code=7), "receipt.tax_system_code"),
    ],
)
def test_field_that_yookassa_refuses_is_refused_and_named(client, field, value, parameter):
    before = len(client.shop.payments())
    status, document = client.request("POST", "/payments", make_payment_body(**{field: value}))
    assert (status, document["code"], document["parameter"]) == (400, "invalid_request", parameter)
    assert len(client.shop.payments()) == before


def test_held_money_can_be_captured_partly_and_once(client):
    held = client.pay("h1", capture=False)
    assert client.shop.choose("h1", "paid")["status"] == "waiting_for_capture"
    path = f"/payments/{held['id']}/capture"
    too_much = {"amount": {"value": "300.00", "currency": "RUB"}}
    assert client.request("POST", path, too_much)[0] == 400
    part = {"amount": {"value": "100.00", "currency": "RUB"}}
    status, document = client.request("POST", path, part)
    assert (status, document["status"], document["amount"]["value"]) == (200, "succeeded", "100.00")
    assert client.request("POST", path, part)[0] == 400
    assert client.request("POST", f"/payments/{held['id']}/cancel")[0] == 400


def test_refunds_never_exceed_the_payment(client):
    paid = client.pay("r1")
    refund = {"payment_id": paid["id"], "amount": {"value": "200.00", "currency": "RUB"}}
    assert client.request("POST", "/refunds", refund)[0] == 400  # not paid yet
    client.shop.choose("r1", "paid")
    client.shop.behave(refund="pending")
    status, pending = client.request("POST", "/refunds", refund)
    assert (status, pending["status"]) == (200, "pending")
    assert client.request("POST", "/refunds", refund)[0] == 400  # a pending refund counts
    assert client.shop.payment("r1")["refunded_amount"]["value"] == "0.00"
    client.shop.finish_refund(pending["id"], "insufficient_funds")
    failed = client.request("GET", f"/refunds/{pending['id']}")[1]
    assert failed["cancellation_details"]["reason"] == "insufficient_funds"
    client.shop.behave(refund="succeeded")
    assert client.request("POST", "/refunds", refund)[1]["status"] == "succeeded"
    refunds = client.request("GET", f"/refunds?payment_id={paid['id']}")[1]["items"]
    assert [item["status"] for item in refunds] == ["succeeded", "canceled"]
