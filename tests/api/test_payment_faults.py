"""A payment gateway that hangs, refuses or fails: timely error messages, and no double payment."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

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
def test_payer_gets_a_timely_error_and_pays_once(shop, name):
    anna = shop.buyer()
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


def test_permanent_refusal_by_yookassa_cancels_the_order(shop):
    anna = shop.buyer()
    order_id = anna.order()
    only = {"purchase": order_id}
    refusal = Fault("payments.create", FaultKind.STATUS, status=400, only=only)
    shop.yookassa.faults.add(refusal)
    assert anna.pay(order_id) == SILENT
    assert shop.state(order_id) == "canceled"
    assert anna.pay(order_id) == NOT_OPEN
    assert anna.order() != order_id


def test_worker_continues_while_one_order_hangs(shop):
    anna = shop.buyer()
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
