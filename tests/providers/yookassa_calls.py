"""What the tests of the till share: a purchase, a gateway, and a server of bare bytes."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from merlin.billing.purchases import Order, Promise, Purchase, PurchaseState
from merlin.config.shop import YooKassaConfig
from merlin.core.money import Amount, roubles
from merlin.providers.payments import Gateway, PaymentRequest, RefundRequest
from merlin.providers.yookassa import DEADLINE_S, YooKassaGateway

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BACK = "http://127.0.0.1:8701/orders/1"
WORDS = "Плюс на 30 дней"
# A deadline for a till that never answers, by which it has surely been asked.
HEARD_S = 5.0


def request(
    number: int = 1, return_url: str = BACK, words: str = "", **more: object
) -> PaymentRequest:
    """Return what asks for the payment of `purchase`."""
    bought = purchase(number)
    said = {"contact": bought.order.contact, **more}
    return PaymentRequest(
        purchase_id=bought.purchase_id,
        user_id=bought.user_id,
        amount=bought.order.amount,
        title="Плюс",
        description=words,
        return_url=return_url,
        **said,
    )


def refund(
    number: str, payment_id: str, amount: Amount, words: str = "", **more: str
) -> RefundRequest:
    """Return what asks for a refund under a number of ours."""
    return RefundRequest(number, payment_id, 1001, amount, words, "Плюс", **more)


def purchase(number: int = 1, outside_id: str = "", contact: str = "anna@example.com") -> Purchase:
    promise = Promise("plus", {"ru": "Плюс", "en": "Plus"}, 30)
    order = Order(1001, Gateway.YOOKASSA, promise, roubles("299.00"), is_test=True, contact=contact)
    return Purchase(
        f"{number:032x}", order, PurchaseState.ASKING, NOW, NOW + timedelta(days=1), outside_id
    )


@contextmanager
def gateway_at(
    base_url: str, key: str = "test_stand-in", deadline_s: float = DEADLINE_S, **said: object
) -> Iterator[YooKassaGateway]:
    config = YooKassaConfig(base_url=base_url, test=True, **said)
    yield YooKassaGateway(config, "100500", key, deadline_s)


@contextmanager
def raw(serve: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server of bytes: `serve` speaks on each connection, in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client is gone
            if tls is None:
                serve(connection)
                return
            with tls.wrap_socket(connection, server_side=True) as safe:
                serve(safe)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=one, args=(connection,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    scheme = "http" if tls is None else "https"
    yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/v3"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in [accepting, *threads]:
        thread.join()


def silent(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


@contextmanager
def answering(
    content: bytes, status: str = "200 OK", more: str = "", tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        head = f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(content)}\r\n\r\n"
        connection.sendall(head.encode() + content)
        silent(connection)

    with raw(serve, tls) as url:
        yield url
