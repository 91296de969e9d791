"""Orders: placed, paid at a YooKassa stand-in, cancelled."""

import pytest

from merlin.core.errors import NotFound, Refused
from tests.api.payment_api import NOT_OPEN

pytestmark = pytest.mark.functional


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
