"""Orders that cannot be paid, and refunds at a YooKassa stand-in."""

import asyncio
import re
from datetime import timedelta
from functools import partial

import httpx
import pytest

from merlin.app import payments
from merlin.app.actor import Actor
from merlin.app.billing_check import check_billing
from merlin.billing.refunds import RefundState
from merlin.core.clock import from_iso
from merlin.core.errors import Refused
from merlin.core.permissions import Authority, Role
from merlin.providers.base import ENDLESS_LIST
from tests.api.payment_api import NOT_OPEN
from tests.api.running_api import VERA, run_api
from tests.support.faults import Fault, FaultKind
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional


ADMIN = Actor.person(VERA, Authority(Role.ADMIN))
NEW = "2030-01-01T00:00:00.000000Z"
OLD = "2026-01-01T00:00:00.000000Z"


def request_refund(shop, order_id):
    """Ask for a refund of all as the page does; the payment worker sends it."""
    ctx = shop.site.services
    ((grant, amount),) = payments.show_payment(
        ctx, ADMIN, order_id
    ).remaining_amounts.items()
    refund = partial(
        payments.request_refund, ctx, ADMIN, order_id, grant, amount, "не подошло"
    )
    return shop.db.transact(refund)


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.REFUSE, FaultKind.HANG])
def test_refund_with_a_lost_response_is_created_once(shop, kind):
    order_id = shop.buyer().buy("pack")
    before = len(shop.yookassa.refunds())
    shop.yookassa.faults.add(Fault("refunds.create", kind))
    refund_id = request_refund(shop, order_id).refund_id
    wait_until(
        lambda: (
            shop.billing.refunds.list_of_purchase(order_id)[0].state
            is RefundState.SENDING
        )
    )
    shop.sql("UPDATE refund SET next_poll_at = ? WHERE id = ?", OLD, refund_id)
    shop.wait_for_state(order_id, "refunded")
    assert len(shop.yookassa.refunds()) == before + 1
    assert shop.ledger_faults() == []


def test_refund_with_a_forgotten_key_is_found_in_the_list(shop):
    order_id = shop.buyer().buy("pack")
    before = len(shop.yookassa.refunds())
    shop.yookassa.behave(notifications="never", keeps_keys=False)
    shop.yookassa.faults.add(Fault("refunds.create", FaultKind.DROP))
    refund_id = request_refund(shop, order_id).refund_id
    wait_until(lambda: len(shop.yookassa.refunds()) == before + 1)
    shop.sql(
        "UPDATE refund SET next_poll_at = ?, at = ? WHERE id = ?", OLD, OLD, refund_id
    )
    shop.wait_for_state(order_id, "refunded")
    assert len(shop.yookassa.refunds()) == before + 1


def test_notification_of_a_refund_whose_process_was_killed_is_enough(shop):
    """The money was back, and the rights stayed for five minutes."""
    order_id = shop.buyer().buy("pack")
    shop.yookassa.behave(refund="pending")
    request_refund(shop, order_id)
    refunds = shop.yookassa.refunds
    pending = wait_until(
        lambda: next((x for x in refunds() if x["status"] == "pending"), None)
    )
    # As the third try leaves it.
    shop.sql(
        "UPDATE refund SET next_poll_at = ?, polls = 3 WHERE state = 'sending'", NEW
    )
    shop.yookassa.finish_refund(pending["id"], "succeeded")
    shop.wait_for_state(order_id, "refunded")


def test_cancellation_after_the_grant_is_told_to_admins(shop):
    anna = shop.buyer()
    order_id = anna.buy("pack")
    (payment,) = shop.payments_of(order_id)
    shop.yookassa.change(payment["id"], "canceled")
    notify(shop, "payment.canceled", payment["id"])
    number = order_id[:8]
    wait_until(lambda: shop.admin_notice_keys(purchase=number))
    assert shop.admin_notice_keys(purchase=number) == ["notice-payment-undone"]
    assert (shop.state(order_id), shop.count_grants(order_id)) == ("paid", 1)


def test_payment_in_another_currency_grants_nothing_and_is_told_and_listed(shop):
    order_id = shop.buyer().start_payment("pack")
    (payment,) = shop.payments_of(order_id)
    amount = {"value": "3.50", "currency": "USD"}
    now = payment["created_at"]
    shop.yookassa.change(payment["id"], "succeeded", amount)
    notify(shop, "payment.succeeded", payment["id"])
    wait_until(lambda: shop.admin_notice_keys(differs="currency"))
    assert (shop.state(order_id), shop.count_grants(order_id)) == ("pending", 0)
    ctx = shop.site.services
    far = timedelta(days=1)
    at = from_iso(now)
    checked = asyncio.run(check_billing(ctx, ctx.polled, at - far, at + far))
    (found,) = [each for each in checked.differences if each.payment == payment["id"]]
    assert (found.ledger, found.yookassa.paid) == (None, "3.50 USD")


def notify(shop, event, payment_id):
    """Post a notification as YooKassa does."""
    url = f"{shop.site.address}/hooks/payment"
    body = {"event": event, "object": {"id": payment_id}}
    assert httpx.post(url, json=body, timeout=longest()).status_code == 200


def test_list_of_refunds_without_an_end_is_notified(shop):
    order_id = shop.buyer().buy("pack")
    endless = {"type": "list", "items": [], "next_cursor": "a"}
    shop.yookassa.make_page = lambda *_: endless
    shop.yookassa.refund(order_id)
    wait_until(
        lambda: shop.admin_notice_keys(reason=ENDLESS_LIST) == ["notice-gateway-list"]
    )
    del shop.yookassa.make_page
    shop.make_due(order_id)
    shop.wait_for_state(order_id, "refunded")


def test_pending_refund_is_polled_until_it_succeeds(shop):
    order_id = shop.buyer().buy("pack")
    shop.yookassa.behave(refund="pending")
    refund_id = request_refund(shop, order_id).refund_id
    refunds = shop.yookassa.refunds
    pending = wait_until(
        lambda: next((x for x in refunds() if x["status"] == "pending"), None)
    )
    assert shop.state(order_id) == "paid"
    shop.yookassa.finish_refund(pending["id"], "succeeded")
    shop.sql("UPDATE refund SET next_poll_at = ? WHERE id = ?", OLD, refund_id)
    shop.wait_for_state(order_id, "refunded")
    (stored,) = shop.billing.refunds.list_of_purchase(order_id)
    assert stored.outside_id == pending["id"]


def test_refused_refund_notifies_admins_and_can_be_repeated(shop, anna):
    order_id = anna.buy()
    shop.yookassa.behave(refund="insufficient_funds")
    request_refund(shop, order_id)
    wait_until(
        lambda: "notice-refund-refused" in shop.admin_notice_keys(purchase=order_id[:8])
    )
    (refused,) = shop.billing.refunds.list_of_purchase(order_id)
    assert (refused.state.value, refused.trouble) == ("refused", "insufficient_funds")
    assert (shop.state(order_id), len(anna.terms)) == ("paid", 1)
    shop.yookassa.behave(refund="succeeded")
    request_refund(shop, order_id)
    shop.wait_for_state(order_id, "refunded")


def test_api_without_a_shop_sells_nothing_and_lists_no_orders(tmp_path):
    with run_api(tmp_path) as site:
        site.add_user(1001)
        with site.browser_client(1001) as anna:
            assert (
                anna.post("/checkout/plus", data={"price": "29900"}).status_code == 404
            )
            assert not re.search("/orders/[0-9a-f]{32}", anna.get("/orders").text)


def test_plan_that_is_sold_for_stars_alone_cannot_be_ordered_for_roubles(shop):
    with pytest.raises(Refused):
        shop.buyer().order("starry")


def test_order_of_a_plan_that_exists_no_more_cannot_be_paid(shop, anna):
    order_id = anna.order()
    sql = """UPDATE purchase SET promise = REPLACE(promise, '"plus"', '"gone"') WHERE id = ?"""
    shop.sql(sql, order_id)
    assert anna.pay(order_id) == NOT_OPEN
    assert shop.payments_of(order_id) == []
