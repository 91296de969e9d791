"""The payment worker with a gateway that repeats, reorders or loses messages: Y1, Y3 to Y6."""

import asyncio
from datetime import timedelta

import pytest

from merlin.app.plans import notify_expiry
from merlin.core.i18n import text
from merlin.db.notices import ADMINS, Notices
from tests.api.payment_api import NOT_OPEN, SILENT, TO_GATEWAY
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional


def lose_response(order_id):
    """Return a fault that loses the response for this order only."""
    return Fault("payments.create", FaultKind.DROP, only={"purchase": order_id})


def test_retry_after_lost_response_uses_the_same_idempotency_key(shop):
    """Y5."""
    anna = shop.buyer()
    order_id = anna.order()
    shop.yookassa.faults.add(lose_response(order_id))
    assert anna.pay(order_id) == SILENT
    assert shop.state(order_id) == "asking"
    assert anna.pay(order_id) == TO_GATEWAY
    assert shop.purchase(order_id).pay_url.endswith(shop.payments_of(order_id)[0]["id"])
    assert len(shop.payments_of(order_id)) == 1
    calls = [
        call for call in shop.yookassa.calls("payments.create") if call.key == order_id
    ]
    assert len(calls) == 2


def test_worker_retries_payment_creation_after_buyer_left(shop):
    anna = shop.buyer()
    order_id = anna.order()
    shop.yookassa.faults.add(lose_response(order_id))
    assert anna.pay(order_id) == SILENT
    shop.make_due(order_id)
    assert shop.wait_for_state(order_id, "pending").pay_url
    assert len(shop.payments_of(order_id)) == 1


def test_order_without_an_answer_ends_before_yookassa_forgets_its_key(shop):
    """Y5, a day later: no second payment is made."""
    anna = shop.buyer()
    order_id = anna.order()
    shop.yookassa.faults.add(lose_response(order_id))
    assert anna.pay(order_id) == SILENT
    shop.backdate(order_id, hours=23, minutes=30)
    shop.yookassa.behave(keeps_keys=False)
    shop.make_due(order_id)
    shop.wait_for_state(order_id, "expired")
    assert len(shop.payments_of(order_id)) == 1


def test_payment_without_notification_is_found_by_polling(shop):
    """Y6."""
    order_id = shop.buyer().start_payment()
    shop.yookassa.behave(notifications="never")
    shop.yookassa.choose(order_id, "paid")
    shop.make_due(order_id)
    shop.wait_for_state(order_id, "paid")


def test_payment_that_succeeds_immediately_is_granted_immediately(shop):
    anna = shop.buyer()
    shop.yookassa.behave(outcome="paid", notifications="never")
    order_id = anna.order("pack")
    assert (anna.pay(order_id), shop.state(order_id)) == (NOT_OPEN, "paid")
    assert shop.count_grants(order_id) == 1


def test_order_is_canceled_before_payment_when_its_payment_does_not_match(shop):
    anna = shop.buyer()
    shop.yookassa.behave(is_test=False)
    order_id = anna.order()
    assert anna.pay(order_id) == SILENT
    assert shop.state(order_id) == "canceled"
    (alarm,) = Notices(shop.site.db).list_newest(ADMINS, 1)
    assert "тестовый только один из них" in text("ru", alarm.key, **alarm.arguments)


# Three days before the end, and once: tests/app/test_plans.py.
@pytest.mark.parametrize(("plan", "notices"), [("plus", 0), ("free", 1)])
def test_plan_end_notice_is_not_sent_to_who_has_the_plan_without_an_end(
    shop, plan, notices
):
    anna = shop.buyer()
    shop.billing.terms.add(anna.user_id, "plus", 10, f"gift:{anna.user_id}", "cli:vera")
    shop.sql("UPDATE person SET plan = ? WHERE user_id = ?", plan, anna.user_id)
    (term,) = anna.terms
    services = shop.site.app.state.services
    soon = term.ends_at - timedelta(hours=23)
    asyncio.run(services.store.do(lambda: notify_expiry(services, soon)))
    assert anna.notice_keys.count("notice-plan-ends") == notices
