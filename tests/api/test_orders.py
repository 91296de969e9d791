"""Orders: placed, paid at a YooKassa stand-in, cancelled."""

import pytest

from merlin.core.errors import NotFound, Refused
from tests.api.payment_api import NOT_OPEN

pytestmark = pytest.mark.functional


@pytest.mark.parametrize(
    ("plan", "refusal"),
    [("free", NotFound), ("nothing", NotFound), ("starry", Refused)],
)
def test_plan_that_is_not_sold_for_roubles_cannot_be_ordered(shop, plan, refusal):
    with pytest.raises(refusal):
        shop.buyer().order(plan)


def test_order_of_a_plan_that_exists_no_more_cannot_be_paid(shop):
    anna = shop.buyer()
    order_id = anna.order()
    sql = """UPDATE purchase SET promise = REPLACE(promise, '"plus"', '"gone"') WHERE id = ?"""
    shop.sql(sql, order_id)
    assert anna.pay(order_id) == NOT_OPEN
    assert shop.payments_of(order_id) == []
