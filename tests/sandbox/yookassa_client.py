"""What the tests of YooKassa's stand-in share: a plain client."""

from __future__ import annotations

import requests

from merlin.sandbox.yookassa.server import YooKassaStandIn
from tests.support.waiting import longest


class Client:
    """Asks a stand-in's API as the shop does."""

    def __init__(self, shop: YooKassaStandIn) -> None:
        self.shop = shop
        self.root = shop.base_url.removesuffix("/v3")
        self._keys = iter(range(10**6))

    def ask(self, method, path, body=None, key=None, auth=None):
        headers = {"Idempotence-Key": key or f"key-{next(self._keys)}"} if key != "" else {}
        auth = auth or (self.shop.shop_id, self.shop.key)
        answer = requests.request(
            method,
            self.shop.base_url + path,
            json=body,
            headers=headers,
            auth=auth,
            timeout=longest(),
        )
        return answer.status_code, answer.json()

    def pay(self, purchase="p1", key=None, **more):
        """Ask for a payment that must be made; return its JSON."""
        status, told = self.ask("POST", "/payments", payment_body(purchase, **more), key)
        assert status == 200, told
        return told

    def control(self, act, **said):
        answer = requests.post(f"{self.root}/control/{act}", json=said, timeout=longest())
        return answer.status_code, answer.json()


def payment_body(purchase="p1", **more):
    """Return the body of a payment; a field that is None is left out."""
    body = {
        "amount": {"value": "299.00", "currency": "RUB"},
        "capture": True,
        "confirmation": {"type": "redirect", "return_url": "http://127.0.0.1:9/orders/1"},
        "description": "Плюс",
        "metadata": {"purchase": purchase, "user": "1001"},
        **more,
    }
    return {name: value for name, value in body.items() if value is not None}
