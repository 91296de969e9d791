"""What the tests of YooKassa's stand-in share: a plain client, and who hears notifications."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from local_servers import serve_http
from waiting import longest

from merlin.sandbox.yookassa.server import YooKassaStandIn


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
        status, told = self.ask("POST", "/payments", asked(purchase, **more), key)
        assert status == 200, told
        return told

    def control(self, act, **said):
        answer = requests.post(f"{self.root}/control/{act}", json=said, timeout=longest())
        return answer.status_code, answer.json()


def asked(purchase="p1", **more):
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


class Ear:
    """Hears notifications; answers each with the next of `statuses`, then with 200."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.heard: list[dict[str, object]] = []
        self.statuses: list[int] = []

    def events(self):
        return [one["event"] for one in self.heard]


@contextmanager
def listening() -> Iterator[Ear]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            ear.heard.append(json.loads(body))
            self.send_response(ear.statuses.pop(0) if ear.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ear = Ear(f"http://127.0.0.1:{server.server_port}/hooks/payment")
    with serve_http(server):
        yield ear
