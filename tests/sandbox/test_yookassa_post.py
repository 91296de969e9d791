"""Notifications of YooKassa's stand-in: at once, late, doubled, out of order, never, forged."""

from __future__ import annotations

import pytest
from till_client import Client, listening

from merlin.core.errors import NotFound
from merlin.sandbox.yookassa.standin import YooKassaStandIn

pytestmark = pytest.mark.functional


@pytest.fixture
def ear():
    with listening() as heard:
        yield heard


@pytest.fixture
def client(ear):
    with YooKassaStandIn(notify_url=ear.url) as shop:
        yield Client(shop)


def test_each_event_is_posted_with_its_payment_or_refund(client, ear):
    shop = client.shop
    client.pay("p1")
    shop.choose("p1", "paid")
    held = client.pay("p2", capture=False)
    shop.choose("p2", "paid")
    client.ask("POST", f"/payments/{held['id']}/cancel")
    shop.refund("p1", "100.00")
    shop.wait_for(lambda: len(ear.heard) == 4)
    assert sorted(ear.events()) == [
        "payment.canceled",
        "payment.succeeded",
        "payment.waiting_for_capture",
        "refund.succeeded",
    ]
    by_event = {one["event"]: one for one in ear.heard}
    assert by_event["payment.succeeded"]["type"] == "notification"
    assert by_event["payment.succeeded"]["object"]["metadata"]["purchase"] == "p1"
    assert by_event["refund.succeeded"]["object"]["amount"]["value"] == "100.00"


def test_a_notification_is_posted_again_until_it_is_answered_well(client, ear):
    client.shop.behave(retry_s=0.01)
    ear.statuses = [500, 404]
    client.pay("p1")
    client.shop.choose("p1", "paid")
    client.shop.wait_for(lambda: len(ear.heard) == 3)
    told = client.shop.wait_for(
        lambda: client.shop.notifications()[2:] and client.shop.notifications()
    )
    assert [one["status"] for one in told] == [500, 404, 200]


def test_a_notification_may_be_doubled(client, ear):
    client.shop.behave(times=7)
    client.pay("p1")
    client.shop.choose("p1", "paid")
    client.shop.wait_for(lambda: len(ear.heard) == 7)
    assert client.shop.notify("p1", times=3) == [200, 200, 200]
    assert set(ear.events()) == {"payment.succeeded"}


def test_what_is_held_comes_late_and_in_any_order(client, ear):
    client.shop.behave(notifications="held")
    client.pay("p1")
    client.shop.choose("p1", "paid")
    client.shop.refund("p1")
    assert ear.heard == []
    assert client.shop.release("reversed", times=2) == [200] * 4
    assert ear.events() == ["refund.succeeded"] * 2 + ["payment.succeeded"] * 2
    assert client.shop.release("shuffled") == []
    with pytest.raises(ValueError, match="order"):
        client.shop.release("sideways")


def test_who_says_nothing_says_nothing(client, ear):
    client.shop.behave(notifications="never")
    client.pay("p1")
    client.shop.choose("p1", "paid")
    assert client.shop.notify("p1", "payment.canceled") == [200]  # a claim of ours
    assert ear.events() == ["payment.canceled"]
    with pytest.raises(NotFound):
        client.shop.notify("p9")


def test_anything_may_be_forged(client, ear):
    assert client.shop.forge({"event": "payment.succeeded", "object": "x"}) == 200
    assert client.control("forge", body={"a": 1}, headers={"X-Forwarded-For": "185.71.76.1"}) == (
        200,
        {"status": 200},
    )
    assert ear.heard[1] == {"a": 1}


def test_nobody_at_the_address_is_no_answer(client):
    client.control("notify-to", url="http://127.0.0.1:9/hooks/payment")
    assert client.shop.forge({"event": "x"}) == 0
