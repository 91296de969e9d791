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
    other = make_payment_body("k1", description="Другое")
    status, document = client.request("POST", "/payments", other, "one")
    assert (status, document["parameter"]) == (400, "Idempotence-Key")
    for invalid_key in ("", "x" * 65):
        assert client.request("POST", "/payments", other, invalid_key)[0] == 400
    payments = [
        item["id"]
        for item in client.shop.payments()
        if item["metadata"]["purchase"] == "k1"
    ]
    assert payments == [first["id"]]


def test_refunds_never_exceed_the_payment_and_are_found(client):
    paid = client.pay("r1")
    refund = {
        "payment_id": paid["id"],
        "amount": {"value": "200.00", "currency": "RUB"},
    }
    assert client.request("POST", "/refunds", refund)[0] == 400  # not paid yet
    client.shop.choose("r1", "paid")
    made = client.request("POST", "/refunds", refund)[1]
    assert made["status"] == "succeeded"
    assert client.request("POST", "/refunds", refund)[0] == 400  # more than is left
    payment = client.request("GET", f"/payments/{paid['id']}")[1]
    assert payment["refunded_amount"]["value"] == "200.00"
    assert client.request("GET", f"/refunds/{made['id']}")[1] == made
    found = client.request("GET", f"/refunds?payment_id={paid['id']}")[1]
    assert found["items"] == [made]


REFUND = {
    "payment_id": "2d1b7b3c-000f-5000-8000-1c2d3e4f5a6b",
    "amount": {"value": "1.00", "currency": "RUB"},
}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "parameter"),
    [
        ("GET", "/payments/nothing", None, 404, "payment_id"),
        ("GET", "/refunds/nothing", None, 404, "refund_id"),
        ("GET", "/payments?created_at.gte=monday", None, 400, "query"),
        ("POST", "/refunds", REFUND, 404, "payment_id"),
        ("POST", "/payments", ["amount"], 400, "body"),
    ],
)
def test_invalid_request_is_refused_by_its_field(
    client, method, path, body, status, parameter
):
    got, document = client.request(method, path, body)
    assert (got, document["parameter"]) == (status, parameter)


def test_wrong_credentials_are_refused(client):
    status, document = client.request("GET", "/payments", auth=("7", "wrong"))
    assert (status, document["code"]) == (401, "invalid_credentials")
