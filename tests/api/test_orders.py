"""Orders: placed, paid at a YooKassa stand-in, cancelled."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from merlin.core.errors import NotFound, Refused
from tests.api.payment_api import NOT_OPEN, PUBLIC_URL, TO_GATEWAY

pytestmark = pytest.mark.functional


def test_order_is_paid_and_granted_once(shop):
    anna = shop.buyer()
    order_id = anna.order()
    order = shop.purchase(order_id)
    assert (order.state.value, order.amount.decimal) == ("created", "299.00")
    assert anna.pay(order_id) == TO_GATEWAY
    assert shop.purchase(order_id).pay_url.startswith("http://127.0.0.1")
    document = shop.yookassa.calls("payments.create")[-1].body
    assert document["confirmation"]["return_url"] == f"{PUBLIC_URL}/orders/{order_id}"
    shop.yookassa.choose(order_id, "paid")
    shop.wait_for_state(order_id, "paid")
    assert shop.count_grants(order_id) == 1
    assert [term.plan for term in anna.terms] == ["plus"]
    assert anna.notice_keys == ["notice-paid"]
    assert shop.ledger_faults() == []
    usage = anna.http.get("/api/user/usage").json()
    assert usage["plan"] == "plus"
    assert [term["plan"] for term in usage["terms"]] == ["plus"]


def test_double_tap_on_buy_creates_one_order_and_one_payment(shop):
    anna = shop.buyer()
    first, second = anna.order(), anna.order()
    assert first == second
    with ThreadPoolExecutor(8) as pool:
        assert {*pool.map(lambda _: anna.pay(first), range(8))} == {TO_GATEWAY}
    assert len(shop.payments_of(first)) == 1


def test_paying_a_paid_order_creates_no_payment(shop):
    anna = shop.buyer()
    order_id = anna.buy("pack")
    assert anna.pay(order_id) == NOT_OPEN
    assert len(shop.payments_of(order_id)) == 1
    assert anna.http.get("/api/user/usage").json()["formats"]["voice"]["packs"] == 10


@pytest.mark.parametrize(
    ("plan", "refusal"), [("free", NotFound), ("nothing", NotFound), ("starry", Refused)]
)
def test_plan_that_is_not_sold_for_roubles_cannot_be_ordered(shop, plan, refusal):
    with pytest.raises(refusal):
        shop.buyer().order(plan)


def test_late_payment_of_a_cancelled_order_is_still_granted(shop):
    anna = shop.buyer()
    order_id = anna.start_payment()
    anna.cancel(order_id)
    anna.cancel(order_id)
    assert shop.state(order_id) == "canceled"
    assert anna.pay(order_id) == NOT_OPEN
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
    assert anna.pay(order_id) == NOT_OPEN
    assert shop.payments_of(order_id) == []


def test_expired_order_cannot_be_paid_but_a_late_payment_is_granted(shop):
    anna = shop.buyer()
    order_id = anna.start_payment()
    shop.backdate(order_id, hours=25)
    assert anna.pay(order_id) == NOT_OPEN
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
