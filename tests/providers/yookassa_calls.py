"""Helpers of the YooKassa tests: purchases, a gateway, and servers of raw bytes."""

import select
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
from tests.support.ending import wait_for_end
from tests.support.waiting import CHECK_INTERVAL_S

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
RETURN_URL = "http://127.0.0.1:8701/orders/1"
DESCRIPTION = "Плюс на 30 дней"
# A deadline for a server that never answers; long enough to send the request.
SENT_S = 5.0


def make_payment_request(
    number: int = 1,
    return_url: str = RETURN_URL,
    description: str = "",
    **fields: object,
) -> PaymentRequest:
    """Return the request for the payment of `make_purchase(number)`."""
    purchase = make_purchase(number)
    fields = {"contact": purchase.order.contact, **fields}
    return PaymentRequest(
        purchase_id=purchase.purchase_id,
        user_id=purchase.user_id,
        amount=purchase.order.amount,
        title="Плюс",
        description=description,
        return_url=return_url,
        **fields,
    )


def make_refund_request(
    key: str, payment_id: str, amount: Amount, reason: str = "", **fields: str
) -> RefundRequest:
    """Return the request for a refund with this idempotency key."""
    return RefundRequest(key, payment_id, 1001, amount, reason, "Плюс", **fields)


def make_purchase(
    number: int = 1, outside_id: str = "", contact: str = "anna@example.com"
) -> Purchase:
    promise = Promise("plus", {"ru": "Плюс", "en": "Plus"}, 30)
    order = Order(
        1001,
        Gateway.YOOKASSA,
        promise,
        roubles("299.00"),
        is_test=True,
        contact=contact,
    )
    return Purchase(
        f"{number:032x}",
        order,
        PurchaseState.ASKING,
        NOW,
        NOW + timedelta(days=1),
        outside_id,
    )


def count_payments(yookassa, number):
    """Return how many payments the stand-in has for `make_purchase(number)`."""
    purchases = [payment["metadata"]["purchase"] for payment in yookassa.payments()]
    return purchases.count(f"{number:032x}")


@contextmanager
def open_gateway(
    base_url: str,
    key: str = "test_stand-in",
    deadline_s: float = DEADLINE_S,
    limits: dict[str, float] | None = None,
    **settings: object,
) -> Iterator[YooKassaGateway]:
    config = YooKassaConfig(base_url=base_url, test=True, **settings)
    yield YooKassaGateway(config, "100500", key, deadline_s, **(limits or {}))


@contextmanager
def run_raw_server(
    serve: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Run a TCP server that calls `serve` for each connection in a thread; yield its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve_connection(connection: socket.socket) -> None:
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
            threads.append(
                threading.Thread(target=serve_connection, args=(connection,))
            )
            threads[-1].start()

    accept_thread = threading.Thread(target=accept)
    accept_thread.start()
    scheme = "http" if tls is None else "https"
    yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/v3"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in [accept_thread, *threads]:
        wait_for_end(thread)


def read_until_closed(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def drip_header(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    drip(connection, b"a")


def drip(connection: socket.socket, data: bytes) -> None:
    """Send these bytes now and then until the client disconnects."""
    while not select.select([connection], [], [], CHECK_INTERVAL_S)[0]:
        connection.sendall(data)


@contextmanager
def run_server(
    content: bytes,
    status: str = "200 OK",
    headers: str = "",
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(content)}\r\n\r\n"
        connection.sendall(head.encode() + content)
        read_until_closed(connection)

    with run_raw_server(serve, tls) as url:
        yield url
