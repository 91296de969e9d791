"""The control API of YooKassa's stand-in: actions, faults, rules, restarts."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import requests

from tests.sandbox.telegram_client import run_as_process
from tests.sandbox.yookassa_client import YooKassaClient, make_payment_body
from tests.support.faults import Fault, FaultKind
from tests.support.stand_ins import YooKassaStandIn
from tests.support.waiting import longest

pytestmark = pytest.mark.functional


@pytest.fixture
def client():
    with YooKassaStandIn() as shop:
        yield YooKassaClient(shop)


def test_control_api_has_the_same_effect_as_the_test_client(client):
    client.pay("p1")
    assert client.call_control("choose", payment="p1", outcome="paid")[1]["status"] == "succeeded"
    assert client.call_control("choose", payment="p1", outcome="paid")[0] == 400
    assert client.call_control("choose", payment="p9", outcome="paid")[0] == 404
    assert client.call_control("choose", payment="p1")[0] == 400


def test_request_from_another_site_is_refused(client):
    client.pay("p1")
    body = {"payment": "p1", "outcome": "paid"}
    headers = {"Origin": "https://elsewhere.example.com"}
    url = f"{client.root}/control/choose"
    assert requests.post(url, json=body, headers=headers, timeout=longest()).status_code == 403
    assert client.shop.payment("p1")["status"] == "pending"


def test_rule_decides_every_new_payment(client):
    client.shop.behave(outcome="paid")
    assert client.pay("p1")["status"] == "succeeded"
    client.shop.behave(outcome="fraud_suspected")
    assert client.pay("p2")["cancellation_details"]["reason"] == "fraud_suspected"
    client.shop.behave(is_test=False)
    assert client.pay("p3")["test"] is False


def test_fault_hits_only_one_purchase(client):
    client.shop.faults.add(
        Fault("payments.create", FaultKind.DONE_STATUS, status=202, only={"purchase": "p2"})
    )
    client.pay("p1")
    status, document = client.request("POST", "/payments", make_payment_body("p2"), "k")
    assert (status, document["type"]) == (202, "processing")
    assert client.pay("p2", key="k")["id"] == client.shop.payment("p2")["id"]
    assert len(client.shop.payments()) == 2


def test_restart_keeps_payments(client):
    document = client.pay("p1")
    client.shop.stop()
    with pytest.raises(requests.ConnectionError):
        client.request("GET", "/payments")
    client.shop.start()
    assert client.request("GET", f"/payments/{document['id']}")[1]["id"] == document["id"]


@contextmanager
def run_stand_in(folder):
    """Run the stand-in as a process; yield it and a client."""
    settings = {"shop_id": "7", "key": "secret"}
    with run_as_process(YooKassaStandIn, folder, **settings) as (process, address):
        address_and_key = SimpleNamespace(base_url=f"{address}/v3", shop_id="7", key="secret")
        yield process, YooKassaClient(address_and_key)


def test_payments_survive_sigkill(tmp_path):
    with run_stand_in(tmp_path) as (process, client):
        paid = client.pay("p1", key="one")
        client.pay("p2")
        client.call_control("choose", payment="p1", outcome="paid")
        refund = {"payment_id": paid["id"], "amount": {"value": "1.00", "currency": "RUB"}}
        client.request("POST", "/refunds", refund)
        process.kill()
    with run_stand_in(tmp_path) as (_process, client):
        assert client.pay("p1", key="one") == paid
        document = client.request("GET", f"/payments/{paid['id']}")[1]
        assert (document["status"], document["refunded_amount"]["value"]) == ("succeeded", "1.00")
        payments = client.request("GET", "/payments")[1]["items"]
        assert [payment["status"] for payment in payments] == ["pending", "succeeded"]
