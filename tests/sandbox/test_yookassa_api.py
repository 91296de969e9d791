"""The stand-in for YooKassa judges, keeps and lists as the vendor does."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from merlin.sandbox.yookassa.server import YooKassaStandIn
from merlin.sandbox.yookassa.shop import Behaviour
from tests.sandbox.yookassa_client import Client, payment_body

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
        yield Client(shop)


@pytest.fixture(autouse=True)
def usual(client):
    yield
    client.shop.behave(**asdict(Behaviour()))


def receipt(**more):
    return {"customer": {"email": "anna@example.com"}, "items": [ITEM], **more}


def test_only_the_shop_itself_is_answered(client):
    status, document = client.ask("GET", "/payments", auth=("100500", "wrong"))
    assert (status, document["code"]) == (401, "invalid_credentials")
    assert client.ask("GET", "/payments")[0] == 200


def test_one_key_makes_one_payment_and_keeps_its_first_answer(client):
    first = client.pay("k1", key="one")
    client.shop.choose("k1", "paid")
    assert client.pay("k1", key="one") == first
    status, document = client.ask(
        "POST", "/payments", payment_body("k1", description="Другое"), "one"
    )
    assert (status, document["parameter"]) == (400, "Idempotence-Key")
    assert client.ask("POST", "/payments", payment_body("k1"), "")[0] == 400
    assert client.ask("POST", "/payments", payment_body("k1"), "x" * 65)[0] == 400
    assert [one["id"] for one in client.shop.payments() if one["metadata"]["purchase"] == "k1"] == [
        first["id"]
    ]


def test_a_key_whose_day_is_over_makes_another_payment(client):
    first = client.pay("k2", key="old")
    client.shop.behave(key_s=0.0)
    assert client.pay("k2", key="old")["id"] != first["id"]


def test_a_refused_call_leaves_its_key_free(client):
    bad = payment_body("k3", amount={"value": "0.00", "currency": "RUB"})
    assert client.ask("POST", "/payments", bad, "again")[0] == 400
    client.pay("k3", key="again")


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
        ("payment_method_id", "nobody's", "payment_method_id"),
        ("metadata", {"n": "v" * 513}, "metadata.n"),
        ("metadata", {f"n{number}": "v" for number in range(17)}, "metadata"),
        ("receipt", {"items": [ITEM]}, "receipt.customer"),
        ("receipt", receipt(items=[]), "receipt.items"),
        ("receipt", receipt(items=[{**ITEM, "vat_code": 0}]), "receipt.items.0.vat_code"),
        ("receipt", receipt(items=[{**ITEM, "quantity": "0"}]), "receipt.items.0.quantity"),
        ("receipt", receipt(tax_system_code=7), "receipt.tax_system_code"),
    ],
)
def test_what_the_vendor_refuses_is_refused_and_named(client, field, value, parameter):
    before = len(client.shop.payments())
    status, document = client.ask("POST", "/payments", payment_body(**{field: value}))
    assert (status, document["code"], document["parameter"]) == (400, "invalid_request", parameter)
    assert len(client.shop.payments()) == before


@pytest.mark.parametrize(
    "body",
    [
        [1],
        payment_body(confirmation=None),
        payment_body(receipt=receipt(items=[ITEM, ITEM])),
    ],
)
def test_a_body_that_does_not_fit_together_is_refused(client, body):
    assert client.ask("POST", "/payments", body)[0] == 400


def test_held_money_is_taken_in_part_once(client):
    held = client.pay("h1", capture=False)
    assert client.shop.choose("h1", "paid")["status"] == "waiting_for_capture"
    path = f"/payments/{held['id']}/capture"
    more = {"amount": {"value": "300.00", "currency": "RUB"}}
    assert client.ask("POST", path, more)[0] == 400
    part = {"amount": {"value": "100.00", "currency": "RUB"}}
    status, document = client.ask("POST", path, part)
    assert (status, document["status"], document["amount"]["value"]) == (200, "succeeded", "100.00")
    assert client.ask("POST", path, part)[0] == 400
    assert client.ask("POST", f"/payments/{held['id']}/cancel")[0] == 400


def test_refunds_never_sum_up_to_more_than_was_paid(client):
    paid = client.pay("r1")
    refund = {"payment_id": paid["id"], "amount": {"value": "200.00", "currency": "RUB"}}
    assert client.ask("POST", "/refunds", refund)[0] == 400  # not paid yet
    client.shop.choose("r1", "paid")
    client.shop.behave(refund="pending")
    status, under_way = client.ask("POST", "/refunds", refund)
    assert (status, under_way["status"]) == (200, "pending")
    assert client.ask("POST", "/refunds", refund)[0] == 400  # promised counts
    assert client.shop.payment("r1")["refunded_amount"]["value"] == "0.00"
    client.shop.finish_refund(under_way["id"], "insufficient_funds")
    gone = client.ask("GET", f"/refunds/{under_way['id']}")[1]
    assert gone["cancellation_details"]["reason"] == "insufficient_funds"
    client.shop.behave(refund="succeeded")
    assert client.ask("POST", "/refunds", refund)[1]["status"] == "succeeded"
    listed = client.ask("GET", f"/refunds?payment_id={paid['id']}")[1]["items"]
    assert [one["status"] for one in listed] == ["succeeded", "canceled"]


def test_a_saved_method_pays_until_it_is_taken_back(client):
    first = client.pay("m1", save_payment_method=True)
    method = client.shop.choose("m1", "paid")["payment_method"]
    assert (method["saved"], method["id"]) == (True, first["id"])
    again = {"confirmation": None, "payment_method_id": first["id"]}
    assert client.pay("m2", **again)["status"] == "succeeded"
    client.shop.behave(renewal="insufficient_funds")
    declined = client.pay("m3", **again)
    assert declined["cancellation_details"]["reason"] == "insufficient_funds"
    client.shop.behave(renewal="pending")
    assert "confirmation" not in client.pay("m4", **again)
    client.shop.revoke(first["id"])
    assert client.pay("m5", **again)["cancellation_details"]["reason"] == "permission_revoked"


def test_a_method_that_the_payer_did_not_let_be_saved_pays_nothing(client):
    first = client.pay("m6")
    assert client.shop.choose("m6", "paid")["payment_method"]["saved"] is False
    body = payment_body("m7", confirmation=None, payment_method_id=first["id"])
    assert client.ask("POST", "/payments", body)[0] == 400


def test_lists_go_newest_first_by_pages_and_times():
    with YooKassaStandIn() as shop:
        client = Client(shop)
        ids = [client.pay(f"l{number}")["id"] for number in range(5)]
        seen, cursor = [], ""
        while True:
            page = client.ask("GET", f"/payments?limit=2{cursor}")[1]
            seen += [one["id"] for one in page["items"]]
            if "next_cursor" not in page:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert seen == ids[::-1]
        third = shop.payment("l2")["created_at"]
        late = client.ask("GET", f"/payments?created_at.gte={third}")[1]["items"]
        assert set(ids[3:]) <= {one["id"] for one in late}
        early = client.ask("GET", f"/payments?created_at.lt={third}")[1]["items"]
        assert {one["id"] for one in early} <= set(ids[:2])
        for wrong in ("limit=0", "limit=101", "limit=x", "created_at.gte=soon"):
            assert client.ask("GET", f"/payments?{wrong}")[0] == 400


def test_receipts_are_registered_when_money_moves(client):
    paid = client.pay("c1", receipt=receipt())
    assert client.shop.receipts() == []
    client.shop.choose("c1", "paid")
    (registered,) = client.shop.receipts()
    assert registered["payment_id"] == paid["id"]
    assert registered["customer"]["email"] == "anna@example.com"


@pytest.mark.parametrize("path", ["/payments/x", "/refunds/x"])
def test_what_is_not_there_is_not_found(client, path):
    status, document = client.ask("GET", path)
    assert (status, document["type"], document["code"]) == (404, "error", "not_found")
