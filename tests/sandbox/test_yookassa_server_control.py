"""YooKassa's stand-in over a restart."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from tests.sandbox.telegram_client import run_as_process
from tests.sandbox.yookassa_client import YooKassaClient
from tests.support.stand_ins import YooKassaStandIn

pytestmark = pytest.mark.functional


@pytest.fixture
def client():
    with YooKassaStandIn() as shop:
        yield YooKassaClient(shop)


@contextmanager
def run_stand_in(folder):
    """Run the stand-in as a process; yield it and a client."""
    settings = {"shop_id": "7", "key": "secret"}
    with run_as_process(YooKassaStandIn, folder, **settings) as (process, address):
        address_and_key = SimpleNamespace(
            base_url=f"{address}/v3", shop_id="7", key="secret"
        )
        yield process, YooKassaClient(address_and_key)


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
