"""Orders over the API: placed, paid at a YooKassa stand-in, cancelled; hidden from others."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.payment_api import PUBLIC_URL

pytestmark = pytest.mark.functional


def problem_code(answer):
    return answer.status_code, answer.json()["type"].removeprefix("urn:merlin:problem:")


def test_order_is_paid_and_granted_once(shop):
    anna = shop.buyer()
    response = anna.http.post("/api/orders", json={"plan": "plus"})
    order = response.json()
    assert response.headers["location"] == f"/api/orders/{order['id']}"
    assert (order["state"], order["amount"]["value"], order["days"]) == ("created", "299.00", 30)
    page = anna.pay(order["id"]).json()
    assert page["pay_url"].startswith("http://127.0.0.1")
    document = shop.yookassa.calls("payments.create")[-1].body
    assert document["confirmation"]["return_url"] == f"{PUBLIC_URL}/orders/{order['id']}"
    shop.yookassa.choose(order["id"], "paid")
    shop.wait_for_state(order["id"], "paid")
    assert shop.count_grants(order["id"]) == 1
    assert [term.plan for term in anna.terms] == ["plus"]
    assert anna.notice_keys == ["notice-paid"]
    assert shop.ledger_faults() == []
    usage = anna.http.get("/api/user/usage").json()
    assert usage["plan"] == "plus"
    assert [(term["plan"], term["source"]) for term in usage["terms"]] == [("plus", "grant")]


def test_double_tap_on_buy_creates_one_order_and_one_payment(shop):
    anna = shop.buyer()
    first, second = anna.order(), anna.order()
    assert first == second
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: anna.pay(first), range(8)))
    assert {response.status_code for response in responses} == {200}
    assert len({response.json()["pay_url"] for response in responses}) == 1
    assert len(shop.payments_of(first)) == 1


def test_paying_a_paid_order_creates_no_payment(shop):
    anna = shop.buyer()
    order_id = anna.buy("pack")
    response = anna.pay(order_id)
    assert (response.status_code, response.json()["pay_url"]) == (200, "")
    assert len(shop.payments_of(order_id)) == 1
    assert anna.http.get("/api/user/usage").json()["formats"]["voice"]["packs"] == 10


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"plan": "free"}, 404, "not-found"),
        ({"plan": "nothing"}, 404, "not-found"),
        ({"plan": "starry"}, 409, "refused"),
        ({"plan": "plus", "gateway": "stars"}, 422, "wrong-value"),
        ({"plan": "plus", "contact": "nobody"}, 422, "contact"),
        ({"plan": "plus", "price": 1}, 422, "wrong-value"),
        ({"plan": "plus\0"}, 422, "wrong-value"),
        ({}, 422, "wrong-value"),
    ],
)
def test_invalid_order_is_refused_with_its_code(shop, body, status, code):
    assert problem_code(shop.buyer().http.post("/api/orders", json=body)) == (status, code)


def test_late_payment_of_a_cancelled_order_is_still_granted(shop):
    anna = shop.buyer()
    order_id = anna.start_payment()
    assert anna.http.delete(f"/api/orders/{order_id}").status_code == 204
    assert anna.http.delete(f"/api/orders/{order_id}").status_code == 409
    canceled = anna.http.get(f"/api/orders/{order_id}", headers={"Accept-Language": "en"}).json()
    assert canceled["reason"] == "the buyer cancelled the order"
    assert problem_code(anna.pay(order_id)) == (409, "refused")
    assert anna.order() != order_id
    shop.yookassa.behave(notifications="never")
    shop.yookassa.choose(order_id, "paid")
    assert shop.purchase(order_id).next_poll_at is not None
    shop.sync_order(order_id)
    shop.wait_for_state(order_id, "paid")
    assert shop.count_grants(order_id) == 1


def test_order_of_a_plan_that_exists_no_more_cannot_be_paid(shop):
    anna = shop.buyer()
    order_id = anna.order()
    sql = """UPDATE purchase SET promise = REPLACE(promise, '"plus"', '"gone"') WHERE id = ?"""
    shop.sql(sql, order_id)
    assert problem_code(anna.pay(order_id)) == (409, "refused")
    assert shop.payments_of(order_id) == []


def test_expired_order_cannot_be_paid_but_a_late_payment_is_granted(shop):
    anna = shop.buyer()
    order_id = anna.start_payment()
    shop.backdate(order_id, hours=25)
    response = anna.pay(order_id)
    assert problem_code(response) == (409, "refused")
    assert "нов" in response.json()["detail"]
    shop.sync_order(order_id)
    shop.wait_for_state(order_id, "expired")
    assert anna.order() != order_id
    shop.yookassa.choose(order_id, "paid")
    shop.wait_for_state(order_id, "paid")
    assert [term.plan for term in anna.terms] == ["plus"]


def test_order_without_a_payment_expires_without_a_gateway_call(shop):
    order_id = shop.buyer().order()
    shop.backdate(order_id, hours=25)
    shop.make_due(order_id)
    shop.wait_for_state(order_id, "expired")
    assert shop.payments_of(order_id) == []
