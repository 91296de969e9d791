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
