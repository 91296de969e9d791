"""The api dies at every step of a payment and of its refund: one payment, one grant, one refund."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import timedelta

import httpx
import pytest
import yaml

from merlin.account.sign_ins import SignInMethod, SignIns
from merlin.account.users import User, Users
from merlin.billing.ledger import EntryKind, find_inconsistencies
from merlin.config import load
from merlin.core.clock import iso, utc_now
from merlin.core.killpoint import POINTS
from merlin.core.server import free_ports
from merlin.sandbox.yookassa.server import YooKassaStandIn
from merlin.wiring.context import make_cipher, opened, reading
from tests.billing.repositories import open_billing
from tests.support.forked_processes import is_ready, run_processes, wait_for_exit
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.integration

ANNA, VERA = 1001, 1003
OURS = [point for point in POINTS if point.startswith(("pay.", "payment.", "refund."))]
PLANS = {
    "free": {"title": {"ru": "Бесплатный", "en": "Free"}, "text": 20},
    "plus": {
        "title": {"ru": "Плюс", "en": "Plus"},
        "text": 200,
        "price": {"rub": 299, "stars": 200},
        "days": 30,
    },
}


class Api:
    """An api in a process of its own that sells a plan at a stand-in, to anna."""

    def __init__(self, folder, shop):
        self.folder = folder
        self.shop = shop
        (port,) = free_ports(1)
        self.address = f"http://127.0.0.1:{port}"
        till = {"base_url": shop.base_url, "test": True, "networks": ["127.0.0.0/8"]}
        said = {
            "state_dir": "state",
            "api": {"listen": f"127.0.0.1:{port}", "public_url": self.address},
            "telegram": {"admins": [VERA]},
            "plans": PLANS,
            "payments": {"yookassa": till},
        }
        self.path = folder / "config.yaml"
        self.path.write_text(yaml.safe_dump(said), encoding="utf-8")
        self.config = load(self.path)
        shop.notify_to(f"{self.address}/hooks/payment")
        with opened(self.config) as database:
            database.cipher = make_cipher(self.config)
            Users(database).record_authors([User(ANNA), User(VERA)])
            sign_ins = SignIns(database)
            self.tokens = {
                who: sign_ins.open(who, SignInMethod.CODE, "Firefox")[1] for who in (ANNA, VERA)
            }

    @contextmanager
    def running(self, point=""):
        """Run the api until the end of the block, where it may have died at a point."""
        log = self.folder / "api.log"
        secrets = {"YOOKASSA_SHOP_ID": self.shop.shop_id, "YOOKASSA_SECRET_KEY": self.shop.key}
        with run_processes(self.path, "api", MERLIN_CRASH_AT=point, **secrets) as (process,):
            wait_until(
                lambda: is_ready(self.address) or not process.is_alive(), describe=log.read_text
            )
            yield process

    def dies_at(self, point, deed):
        """Let the api die at a point while `deed` is done."""
        with self.running(point) as process:
            with suppress(httpx.TransportError):
                deed()
            assert wait_for_exit(process) == 137, (self.folder / "api.log").read_text()[-3000:]

    def post(self, who, path, **body):
        headers = {"Cookie": f"merlin={self.tokens[who]}", "Origin": self.address}
        address = f"{self.address}{path}"
        return httpx.post(address, json=body, headers=headers, timeout=longest())

    def billing(self, read):
        with reading(self.config) as database:
            return read(open_billing(database))

    def time_passes(self):
        """Let everything that was claimed have been claimed long ago, and be due."""
        then = iso(utc_now() - timedelta(minutes=5))
        with opened(self.config) as database, database.atomic():
            database.sql("UPDATE purchase SET asked_at = ? WHERE asked_at IS NOT NULL", then)
            for table in ("purchase", "refund"):
                database.sql(f"UPDATE {table} SET look_at = ? WHERE look_at IS NOT NULL", then)  # noqa: S608 - our own names


def state(api, order_id):
    return api.billing(lambda books: books.purchases.get(order_id).state.value)


def kinds(api, order_id):
    entries = api.billing(lambda books: books.ledger.entries(order_id))
    assert list(find_inconsistencies(entries)) == []
    return [entry.kind for entry in entries]


def test_an_order_survives_every_death_on_its_way(tmp_path):
    assert len(OURS) == 8
    with YooKassaStandIn() as shop:
        api = Api(tmp_path, shop)
        with api.running():
            order_id = api.post(ANNA, "/api/orders", plan="plus").json()["id"]
        _asked(api, order_id)
        _paid(api, order_id)
        _returned(api, order_id)
        assert (len(shop.payments()), len(shop.refunds())) == (1, 1)
        assert shop.payments()[0]["refunded_amount"]["value"] == "299.00"


def _asked(api, order_id):
    path = f"/api/orders/{order_id}/pay"
    for point in ("pay.intended", "pay.sent"):
        api.dies_at(point, lambda: api.post(ANNA, path))
        assert state(api, order_id) == "asking"
        api.time_passes()
    api.dies_at("pay.recorded", lambda: None)
    assert state(api, order_id) == "pending"
    assert len(api.shop.payments()) == 1


def _paid(api, order_id):
    api.shop.choose(order_id, "paid")
    for point in ("payment.before", "payment.after"):
        api.time_passes()
        api.dies_at(point, lambda: None)
        is_paid = point == "payment.after"
        assert state(api, order_id) == ("paid" if is_paid else "pending")
    assert kinds(api, order_id) == [EntryKind.PAYMENT, EntryKind.GRANT]
    terms = api.billing(lambda books: books.terms.of(ANNA))
    assert len(terms) == 1


def _returned(api, order_id):
    path = f"/api/payments/{order_id}/refund"
    api.dies_at("refund.intended", lambda: api.post(VERA, path, reason="не подошло"))
    assert api.shop.refunds() == []
    for point in ("refund.sent", "refund.recorded"):
        api.time_passes()
        api.dies_at(point, lambda: None)
        assert len(api.shop.refunds()) == 1
    assert state(api, order_id) == "refunded"
    with api.running():
        known = [EntryKind.PAYMENT, EntryKind.GRANT, EntryKind.REFUND, EntryKind.REVOCATION]
        assert kinds(api, order_id) == known
    (refund,) = api.billing(lambda books: books.refunds.of(order_id))
    assert (refund.state.value, refund.by) == ("done", f"user:{VERA}")
