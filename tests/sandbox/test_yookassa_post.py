"""Notifications of YooKassa's stand-in: sent, repeated, disabled, forged."""

import pytest

from tests.sandbox.yookassa_client import YooKassaClient
from tests.support.http_servers import run_receiver
from tests.support.stand_ins import YooKassaStandIn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


@pytest.fixture
def receiver():
    with run_receiver() as receiver:
        yield receiver


def list_events(receiver):
    return [delivery.json["event"] for delivery in receiver.deliveries]


@pytest.fixture
def client(receiver):
    with YooKassaStandIn() as shop:
        shop.notify_to(receiver.url)
        yield YooKassaClient(shop)


def test_each_event_is_posted_with_its_payment_or_refund(client, receiver):
    shop = client.shop
    client.pay("p1")
    shop.choose("p1", "paid")
    client.pay("p2")
    shop.choose("p2", "declined")
    shop.refund("p1", "100.00")
    wait_until(lambda: len(receiver.deliveries) == 3)
    assert sorted(list_events(receiver)) == [
        "payment.canceled",
        "payment.succeeded",
        "refund.succeeded",
    ]
    by_event = {delivery.json["event"]: delivery.json for delivery in receiver.deliveries}
    assert by_event["payment.succeeded"]["type"] == "notification"
    assert by_event["payment.succeeded"]["object"]["metadata"]["purchase"] == "p1"
    assert by_event["refund.succeeded"]["object"]["amount"]["value"] == "100.00"


def test_notification_is_repeated_until_it_gets_200(client, receiver):
    receiver.script = [500, 404]
    client.pay("p1")
    client.shop.choose("p1", "paid")
    wait_until(lambda: len(receiver.deliveries) == 3)
    assert client.shop.notify("p1", times=3) == [200, 200, 200]
    assert set(list_events(receiver)) == {"payment.succeeded"}
