"""The API of YooKassa's stand-in: validation, idempotency, refunds, lists."""

import pytest

from tests.sandbox.yookassa_client import YooKassaClient, make_payment_body
from tests.support.stand_ins import YooKassaStandIn

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def client():
    with YooKassaStandIn() as shop:
        yield YooKassaClient(shop)


def test_one_key_makes_one_payment_and_keeps_its_first_response(client):
    first = client.pay("k1", key="one")
    client.shop.choose("k1", "paid")
    assert client.pay("k1", key="one") == first
    status, document = client.request(
        "POST", "/payments", make_payment_body("k1", description="Другое"), "one"
    )
    assert (status, document["parameter"]) == (400, "Idempotence-Key")
    assert client.request("POST", "/payments", make_payment_body("k1"), "")[0] == 400
    assert (
        client.request("POST", "/payments", make_payment_body("k1"), "x" * 65)[0] == 400
    )
    payments = [
        item for item in client.shop.payments() if item["metadata"]["purchase"] == "k1"
    ]
    assert [payment["id"] for payment in payments] == [first["id"]]


def test_refunds_never_exceed_the_payment(client):
    paid = client.pay("r1")
    refund = {
        "payment_id": paid["id"],
        "amount": {"value": "200.00", "currency": "RUB"},
    }
    assert client.request("POST", "/refunds", refund)[0] == 400  # not paid yet
    client.shop.choose("r1", "paid")
    assert client.request("POST", "/refunds", refund)[1]["status"] == "succeeded"
    assert client.request("POST", "/refunds", refund)[0] == 400  # more than is left
    assert client.shop.payment("r1")["refunded_amount"]["value"] == "200.00"
    refunds = client.request("GET", f"/refunds?payment_id={paid['id']}")[1]["items"]
    assert [item["status"] for item in refunds] == ["succeeded"]


@pytest.mark.parametrize(
    ("method", "path", "status", "parameter"),
    [
        ("GET", "/payments/nothing", 404, "payment_id"),
        ("GET", "/refunds/nothing", 404, "refund_id"),
        ("GET", "/payments?created_at.gte=monday", 400, "query"),
    ],
)
def test_invalid_request_is_refused_by_its_field(
    client, method, path, status, parameter
):
    got, document = client.request(method, path)
    assert (got, document["parameter"]) == (status, parameter)


def test_refund_of_an_unknown_payment_is_refused(client):
    amount = {"value": "1.00", "currency": "RUB"}
    body = {"payment_id": "2d1b7b3c-000f-5000-8000-1c2d3e4f5a6b", "amount": amount}
    status, document = client.request("POST", "/refunds", body)
    assert (status, document["parameter"]) == (404, "payment_id")


def test_body_that_is_no_object_is_refused(client):
    status, document = client.request("POST", "/payments", ["amount"])
    assert (status, document["parameter"]) == (400, "body")


def test_wrong_credentials_are_refused(client):
    status, document = client.request("GET", "/payments", auth=("7", "wrong"))
    assert (status, document["code"]) == (401, "invalid_credentials")


def test_payments_and_refunds_are_found_by_their_ids(client):
    paid = client.pay("found")
    client.shop.choose("found", "paid")
    body = {"payment_id": paid["id"], "amount": paid["amount"]}
    refund = client.request("POST", "/refunds", body)[1]
    assert client.request("GET", f"/refunds/{refund['id']}")[1] == refund
    payment = client.request("GET", f"/payments/{paid['id']}")[1]
    assert payment["refunded_amount"] == paid["amount"]
