"""A payment gateway that hangs, fails, or repeats, reorders or loses messages: Y1, Y3 to Y6.

Timely error messages, and no double payment.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.app.plans import notify_expiry
from merlin.core.i18n import text
from merlin.db.notices import ADMINS, Notices
from merlin.providers.yookassa import YooKassaGateway
from tests.api.payment_api import (
    DEADLINE_S,
    NOT_OPEN,
    SILENT,
    TO_GATEWAY,
    run_payment_api,
)
from tests.support.faults import HANG_S, Fault, FaultKind
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional

FAULTS = {
    "hangs": Fault("payments.create", FaultKind.HANG, times=None),
    "drops": Fault("payments.create", FaultKind.DROP, times=None),
    "breaks when done": Fault(
        "payments.create", FaultKind.DONE_STATUS, times=None, status=500
    ),
    "has enough": Fault("payments.create", FaultKind.STATUS, times=None, status=429),
}
# Before the stand-in releases a hanging call.
IN_TIME_S = HANG_S / 2


# How each kind of failure is read: tests/providers/test_yookassa.py.
@pytest.mark.parametrize("name", FAULTS)
def test_payer_gets_a_timely_error_and_pays_once(shop, name, anna):
    boris = shop.buyer()
    order_id = anna.order("pack")
    shop.yookassa.faults.add(FAULTS[name])
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(anna.pay, order_id)
        # Other calls are answered meanwhile.
        assert boris.http.get("/orders").status_code == 200
        assert future.result(IN_TIME_S) == SILENT
    assert (
        "дважды деньги не спишутся" in anna.http.get(f"/orders/{order_id}{SILENT}").text
    )
    shop.yookassa.faults.clear()
    assert anna.pay(order_id) == TO_GATEWAY
    assert len(shop.payments_of(order_id)) == 1


def test_wrong_credentials_notify_admins_once_and_keep_the_order(tmp_path):
    with run_payment_api(tmp_path) as shop:
        services = shop.site.app.state.services
        wrong = YooKassaGateway(
            services.config.payments.yookassa,
            shop.yookassa.shop_id,
            "another",
            DEADLINE_S,
        )
        shop.site.app.state.services = replace(services, gateway=wrong, polled=wrong)
        anna = shop.buyer()
        order_id = anna.order()
        assert anna.pay(order_id) == SILENT
        assert anna.pay(order_id) == SILENT
        assert shop.admin_notice_keys(reason="invalid_credentials") == [
            "notice-gateway-key"
        ]
        assert shop.state(order_id) == "asking"
        shop.site.app.state.services = services
        assert anna.pay(order_id) == TO_GATEWAY


def test_permanent_refusal_by_yookassa_cancels_the_order(shop, anna):
    order_id = anna.order()
    only = {"purchase": order_id}
    refusal = Fault("payments.create", FaultKind.STATUS, status=400, only=only)
    shop.yookassa.faults.add(refusal)
    assert anna.pay(order_id) == SILENT
    assert shop.state(order_id) == "canceled"
    assert anna.pay(order_id) == NOT_OPEN
    assert anna.order() != order_id


def test_worker_continues_while_one_order_hangs(shop, anna):
    boris = shop.buyer()
    anna_order = anna.start_payment("pack")
    boris_order = boris.start_payment("pack")
    shop.yookassa.behave(notifications="never")
    shop.yookassa.choose(boris_order, "paid")
    shop.yookassa.faults.add(Fault("payments.retrieve", FaultKind.HANG, times=1))
    shop.make_due(anna_order)
    wait_until(lambda: shop.purchase(anna_order).polls > 0)
    shop.make_due(boris_order)
    shop.wait_for_state(boris_order, "paid")


def place_unanswered_order(shop, buyer):
    """Place an order whose payment is created, but the response is lost; return its id."""
    order_id = buyer.order()
    only = {"purchase": order_id}
    shop.yookassa.faults.add(Fault("payments.create", FaultKind.DROP, only=only))
    assert buyer.pay(order_id) == SILENT
    return order_id


def test_retry_after_lost_response_uses_the_same_idempotency_key(shop, anna):
    """Y5."""
    order_id = place_unanswered_order(shop, anna)
    assert shop.state(order_id) == "asking"
    assert anna.pay(order_id) == TO_GATEWAY
    assert shop.purchase(order_id).pay_url.endswith(shop.payments_of(order_id)[0]["id"])
    assert len(shop.payments_of(order_id)) == 1
    calls = [
        call for call in shop.yookassa.calls("payments.create") if call.key == order_id
    ]
    assert len(calls) == 2


def test_worker_retries_payment_creation_after_buyer_left(shop, anna):
    order_id = place_unanswered_order(shop, anna)
    shop.make_due(order_id)
    assert shop.wait_for_state(order_id, "pending").pay_url
    assert len(shop.payments_of(order_id)) == 1


def test_order_without_an_answer_ends_before_yookassa_forgets_its_key(shop, anna):
    """Y5, a day later: no second payment is made."""
    order_id = place_unanswered_order(shop, anna)
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


def test_payment_that_succeeds_immediately_is_granted_immediately(shop, anna):
    shop.yookassa.behave(outcome="paid", notifications="never")
    order_id = anna.order("pack")
    assert (anna.pay(order_id), shop.state(order_id)) == (NOT_OPEN, "paid")
    assert shop.count_grants(order_id) == 1


def test_order_is_canceled_before_payment_when_its_payment_does_not_match(shop, anna):
    shop.yookassa.behave(is_test=False)
    order_id = anna.order()
    assert anna.pay(order_id) == SILENT
    assert shop.state(order_id) == "canceled"
    (alarm,) = Notices(shop.site.db).list_newest(ADMINS, 1)
    assert "тестовый только один из них" in text("ru", alarm.key, **alarm.arguments)


# Three days before the end, and once: tests/app/test_plans.py.
@pytest.mark.parametrize(("plan", "notices"), [("plus", 0), ("free", 1)])
def test_plan_end_notice_is_not_sent_to_who_has_the_plan_without_an_end(
    shop, plan, notices, anna
):
    shop.billing.terms.add(anna.user_id, "plus", 10, f"gift:{anna.user_id}", "cli:vera")
    shop.sql("UPDATE person SET plan = ? WHERE user_id = ?", plan, anna.user_id)
    (term,) = anna.terms
    services = shop.site.app.state.services
    soon = term.ends_at - timedelta(hours=23)
    asyncio.run(services.store.do(lambda: notify_expiry(services, soon)))
    assert anna.notice_keys.count("notice-plan-ends") == notices
