"""An HTTP client of YooKassa's stand-in."""

import requests

from tests.support.stand_ins import YooKassaStandIn
from tests.support.waiting import longest


class YooKassaClient:
    """Calls the stand-in's API as a shop does."""

    def __init__(self, shop: YooKassaStandIn) -> None:
        self.shop = shop
        self.root = shop.base_url.removesuffix("/v3")
        self._keys = iter(range(10**6))

    def request(self, method, path, body=None, key=None, auth=None):
        headers = (
            {"Idempotence-Key": key or f"key-{next(self._keys)}"} if key != "" else {}
        )
        auth = auth or (self.shop.shop_id, self.shop.key)
        response = requests.request(
            method,
            self.shop.base_url + path,
            json=body,
            headers=headers,
            auth=auth,
            timeout=longest(),
        )
        return response.status_code, response.json()

    def pay(self, purchase="p1", key=None, **fields):
        """Create a payment, which must succeed; return its JSON."""
        status, document = self.request(
            "POST", "/payments", make_payment_body(purchase, **fields), key
        )
        assert status == 200, document
        return document

    def choose(self, payment_id, outcome):
        """End a payment on its page, as its payer does."""
        url = f"{self.root}/pay/{payment_id}"
        form = {"outcome": outcome}
        assert (
            requests.post(
                url, form, timeout=longest(), allow_redirects=False
            ).status_code
            == 303
        )


def make_payment_body(purchase="p1", **fields):
    """Return the body of a payment; a field that is None is left out."""
    body = {
        "amount": {"value": "299.00", "currency": "RUB"},
        "capture": True,
        "confirmation": {
            "type": "redirect",
            "return_url": "http://127.0.0.1:9/orders/1",
        },
        "description": "Плюс",
        "metadata": {"purchase": purchase, "user": "1001"},
        **fields,
    }
    return {name: value for name, value in body.items() if value is not None}
