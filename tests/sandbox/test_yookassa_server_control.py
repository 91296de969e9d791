"""YooKassa's stand-in over a restart."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from tests.sandbox.telegram_client import run_as_process
from tests.sandbox.yookassa_client import YooKassaClient
from tests.support.http_servers import run_receiver
from tests.support.stand_ins import YooKassaStandIn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


@contextmanager
def run_stand_in(folder):
    """Run the stand-in as a process; yield it and a client."""
    settings = {"shop_id": "7", "key": "secret"}
    with run_as_process(YooKassaStandIn, folder, **settings) as (process, address):
        address_and_key = SimpleNamespace(
            base_url=f"{address}/v3", shop_id="7", key="secret"
        )
        yield process, YooKassaClient(address_and_key)


def test_notification_is_posted_until_it_is_confirmed():
    with run_receiver() as receiver, YooKassaStandIn(notify_url=receiver.url) as shop:
        receiver.script = [500]
        YooKassaClient(shop).pay("p1")
        shop.choose("p1", "paid")
        wait_until(lambda: len(receiver.deliveries) == 2)
    told = [delivery.json["event"] for delivery in receiver.deliveries]
    assert told == ["payment.succeeded"] * 2


def test_unconfirmed_notification_does_not_keep_a_stand_in_from_stopping():
    with run_receiver() as receiver:
        receiver.script = [500] * 9
        with YooKassaStandIn(notify_url=receiver.url) as shop:
            YooKassaClient(shop).pay("p1")
            shop.choose("p1", "declined")
            wait_until(lambda: receiver.deliveries)
        assert receiver.deliveries[0].json["event"] == "payment.canceled"


def test_payments_survive_sigkill(tmp_path):
    with run_stand_in(tmp_path) as (process, client):
        paid = client.pay("p1", key="one")
        client.pay("p2")
        client.choose(paid["id"], "paid")
        refund = {
            "payment_id": paid["id"],
            "amount": {"value": "1.00", "currency": "RUB"},
        }
        client.request("POST", "/refunds", refund)
        process.kill()
    with run_stand_in(tmp_path) as (_process, client):
        assert client.pay("p1", key="one") == paid
        document = client.request("GET", f"/payments/{paid['id']}")[1]
        assert (document["status"], document["refunded_amount"]["value"]) == (
            "succeeded",
            "1.00",
        )
        payments = client.request("GET", "/payments")[1]["items"]
        assert [payment["status"] for payment in payments] == ["pending", "succeeded"]
