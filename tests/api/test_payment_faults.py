"""A till that hangs, refuses, breaks: people are told in time, and nothing is paid twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from merlin.providers.yookassa import YooKassaGateway
from merlin.sandbox.faults import HANG_S, Fault, FaultKind
from tests.api.payment_api import DEADLINE_S, market
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional

FAULTS = {
    "hangs": Fault("payments.create", FaultKind.HANG, times=None),
    "refuses": Fault("payments.create", FaultKind.REFUSE, times=None),
    "drops": Fault("payments.create", FaultKind.DROP, times=None),
    "is cut": Fault("payments.create", FaultKind.CUT, times=None),
    "breaks": Fault("payments.create", FaultKind.STATUS, times=None, status=500),
    "breaks when done": Fault("payments.create", FaultKind.DONE_STATUS, times=None, status=500),
    "is not ready": Fault("payments.create", FaultKind.STATUS, times=None, status=202),
    "has enough": Fault("payments.create", FaultKind.STATUS, times=None, status=429),
}
# Sooner than a call that hangs is let go by the stand-in.
IN_TIME_S = HANG_S / 2


@pytest.mark.parametrize("name", FAULTS)
def test_who_pays_is_told_in_time_and_pays_once(shop, name):
    anna, boris = shop.buyer(), shop.buyer()
    order_id = anna.order("pack")
    shop.till.faults.add(FAULTS[name])
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(anna.pay, order_id)
        # Whoever else calls is answered meanwhile.
        assert boris.http.get("/api/orders").status_code == 200
        response = asked.result(IN_TIME_S)
    assert response.status_code == 503
    assert response.json()["type"] == "urn:merlin:problem:till-away"
    assert "второго списания не будет" in response.json()["detail"]
    assert int(response.headers["retry-after"]) > 0
    shop.till.faults.clear()
    assert anna.pay(order_id).status_code == 200
    assert len(shop.asked(order_id)) == 1


def test_a_hanging_till_holds_up_no_other_order(shop):
    anna, boris = shop.buyer(), shop.buyer()
    hers, his = anna.order("pack"), boris.order("pack")
    hang = Fault("payments.create", FaultKind.HANG, times=None, only={"purchase": hers})
    shop.till.faults.add(hang)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(anna.pay, hers) for _ in range(3)]
        assert boris.pay(his).status_code == 200
        assert {each.result().status_code for each in asked} == {503}


def test_a_till_that_is_down_is_told_and_the_order_stands(shop):
    anna = shop.buyer()
    order_id = anna.order("pack")
    shop.till.stop()
    try:
        response = anna.pay(order_id)
    finally:
        shop.till.start()
    assert response.status_code == 503
    assert anna.pay(order_id).status_code == 200


def test_a_return_page_of_a_silent_till_shows_the_order_as_it_was(shop):
    anna = shop.buyer()
    order_id = anna.ordered("pack")
    shop.till.faults.add(Fault("payments.retrieve", FaultKind.HANG, times=None))
    shop.looked(order_id)
    assert shop.state(order_id) == "pending"


def test_wrong_credentials_are_told_to_admins_once_and_the_order_stands(tmp_path):
    with market(tmp_path) as shop:
        services = shop.site.app.state.services
        wrong = YooKassaGateway(
            services.config.payments.yookassa, shop.till.shop_id, "another", DEADLINE_S
        )
        shop.site.app.state.services = replace(services, gateway=wrong, polled=wrong)
        anna = shop.buyer()
        order_id = anna.order()
        response = anna.pay(order_id)
        assert response.status_code == 502
        assert anna.pay(order_id).status_code == 502
        assert shop.told_admins(reason="invalid_credentials") == ["notice-till-key"]
        assert shop.state(order_id) == "asking"
        shop.site.app.state.services = services
        assert anna.pay(order_id).status_code == 200


def test_what_yookassa_refuses_for_good_ends_the_order(shop):
    anna = shop.buyer()
    order_id = anna.order()
    only = {"purchase": order_id}
    refusal = Fault("payments.create", FaultKind.STATUS, status=400, only=only)
    shop.till.faults.add(refusal)
    response = anna.pay(order_id)
    assert (response.status_code, response.json()["type"]) == (
        502,
        "urn:merlin:problem:till-refused",
    )
    assert shop.state(order_id) == "canceled"
    assert anna.pay(order_id).status_code == 409
    assert anna.order() != order_id


def test_the_worker_goes_on_where_one_order_hangs(shop):
    anna, boris = shop.buyer(), shop.buyer()
    hers, his = anna.ordered("pack"), boris.ordered("pack")
    shop.till.behave(notifications="never")
    shop.till.choose(his, "paid")
    shop.till.faults.add(Fault("payments.retrieve", FaultKind.HANG, times=1))
    shop.due(hers)
    wait_until(lambda: shop.of(hers).looks > 0)
    shop.due(his)
    shop.until(his, "paid")
