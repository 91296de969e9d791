"""Orders: placed, paid at a YooKassa stand-in, cancelled."""

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
