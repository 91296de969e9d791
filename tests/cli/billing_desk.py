"""A folder of a shop whose orders are paid at YooKassa's stand-in."""

from __future__ import annotations

import asyncio

from config_plans import plans_of
from shop_world import SAID, Counter, request_of

from merlin.config.shop import PaymentsConfig, YooKassaConfig
from merlin.core.clock import utc_now
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.migrations import migrate
from merlin.providers.yookassa import YooKassaGateway

SHOP_ID, KEY, BACK = "100500", "test_stand-in", "http://127.0.0.1:8701/orders/1"


class At:
    """The shop's counter on a folder's database; `with At(place, shop) as told:`."""

    def __init__(self, place, shop):
        self.place = place
        config = YooKassaConfig(base_url=shop.base_url, test=True)
        self.shop = (plans_of(SAID), PaymentsConfig(yookassa=config))
        self.database = open_database(f"sqlite://{place}/state/merlin.db")

    def __enter__(self):
        migrate(self.database)
        self.database.cipher = load_or_make_key(self.place / "state", None)
        return Counter(self.database, utc_now, self.shop)

    def __exit__(self, *_):
        self.database.close()


def pay(told, shop, purchase):
    """Let an order be paid at YooKassa's stand-in, and stored; return the payment's id."""
    request = request_of(purchase, BACK, "Плюс")
    asked = with_gateway(shop, lambda gateway: gateway.create(request))
    shop.choose(asked.outside_id, "paid")
    seen = with_gateway(shop, lambda gateway: gateway.find(asked.outside_id))
    assert told.settle(purchase, seen).value == "paid"
    return asked.outside_id


def with_gateway(shop, call):
    gateway = YooKassaGateway(YooKassaConfig(base_url=shop.base_url, test=True), SHOP_ID, KEY)
    return asyncio.run(call(gateway))
