"""YooKassa's gateway: payments and refunds, each call over within 10 seconds.

`requests` knows a timeout for a connection and for each piece of an answer, none for the whole: a
server that drips one byte a second holds a thread for ever. So a call knows its socket from its
first moment on, and it is shut down from outside when the time is up. Calls block in a few threads
of their own.

Nothing is asked twice by itself: who asks again does so under the same key. Amounts are exact, all
else in YooKassa's JSON is read leniently.

Source: yookassa.ru/developers/api, objects Payment and Refund; 54-FZ for receipts.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from merlin.config.shop import Receipt, YooKassaConfig
from merlin.core.clock import in_zone
from merlin.core.errors import GatewayUnavailable, PaymentError, PaymentUnknown
from merlin.core.log import get_logger
from merlin.core.money import Amount, Currency, roubles
from merlin.providers.payments import (
    Gateway,
    GatewayPayment,
    GatewayRefund,
    PaymentRequest,
    RefundRequest,
    Status,
    contact_of,
)

if TYPE_CHECKING:
    from merlin.providers.yookassa_client import ShopClient


class Ended(Exception):
    """The call was ended before it was sent."""


class Call:
    """One call under way; `status` is its answer's, 0 for none yet."""

    def __init__(self) -> None:
        self.status = 0
        self._socket: socket.socket | None = None
        self._is_sent = False
        self._is_over = False
        self._lock = threading.RLock()

    def watch(self, connection: socket.socket) -> None:
        """Remember a connection by a number of its own, which TLS does not take over."""
        with self._lock:
            self.let_go()
            self._socket = connection.dup()
            if self._is_over:
                self._shut()

    def begin(self) -> None:
        """Note that the call is sent from now on. Raises Ended where it may be no more."""
        with self._lock:
            if self._is_over:
                raise Ended
            self._is_sent = True

    @property
    def is_sent(self) -> bool:
        """Return whether anybody may have heard the call."""
        with self._lock:
            return self._is_sent

    def end(self) -> bool:
        """Cut the call off from any thread; return whether it may have been carried out."""
        with self._lock:
            self._is_over = True
            self._shut()
            return self._is_sent

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def let_go(self) -> None:
        """Forget the connection."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None


Body = Mapping[str, Any]
LONGEST_WORDS, LONGEST_REFUND_WORDS = 128, 250
_IS_DONE = {"succeeded": True, "canceled": False}


def money(amount: Amount) -> Body:
    """Return an amount as YooKassa writes it. Raises PaymentError: it takes roubles alone."""
    if amount.currency is not Currency.RUB:
        raise PaymentError(f"YooKassa does not take {amount.currency.value}", code="currency")
    return {"value": amount.decimal, "currency": amount.currency.value}


def payment_body(request: PaymentRequest, shop: YooKassaConfig) -> Body:
    """Return what asks for a payment. Raises PaymentError: a receipt has nobody to go to."""
    body: dict[str, Any] = {
        "amount": money(request.amount),
        "capture": shop.capture == "auto",
        "metadata": {"purchase": request.purchase_id, "user": str(request.user_id)},
    }
    words = request.description
    if words:
        body["description"] = words[:LONGEST_WORDS]
    if request.method_id:
        body["payment_method_id"] = request.method_id
    else:
        body["confirmation"] = {"type": "redirect", "return_url": request.return_url}
        body["save_payment_method"] = request.saves_method
    if shop.receipt is not None:
        body["receipt"] = receipt_body(shop.receipt, request.contact, words, request.amount)
    return body


def refund_body(request: RefundRequest, receipt: Receipt | None) -> Body:
    """Return what asks for a refund; its receipt names what was bought, where that is known."""
    body: dict[str, Any] = {"payment_id": request.payment_id, "amount": money(request.amount)}
    if request.reason.strip():
        body["description"] = request.reason.strip()[:LONGEST_REFUND_WORDS]
    # Without a receipt YooKassa makes that of a whole refund from the payment's.
    if receipt is not None and request.contact:
        body["receipt"] = receipt_body(receipt, request.contact, request.title, request.amount)
    return body


def receipt_body(receipt: Receipt, contact: str, words: str, amount: Amount) -> Body:
    """Return a receipt of one thing for all of an amount."""
    item = {
        "description": words[:LONGEST_WORDS],
        "quantity": "1.00",
        "amount": money(amount),
        "vat_code": receipt.vat_code,
        "payment_subject": receipt.subject,
        "payment_mode": receipt.mode,
    }
    told: dict[str, Any] = {"customer": customer(contact), "items": [item]}
    if receipt.tax_system is not None:
        told["tax_system_code"] = receipt.tax_system
    return told


def customer(contact: str) -> Body:
    """Return whom a receipt goes to. Raises PaymentError for nobody: no receipt, no sale."""
    plain = contact_of(contact)
    if not plain:
        raise PaymentError("a receipt needs an e-mail or a telephone", code="no_contact")
    return {"email": plain} if "@" in plain else {"phone": plain}


def seen(told: Body) -> GatewayPayment:
    """Return a payment as YooKassa told it. Raises PaymentError for what is unreadable."""
    metadata, method = _part(told, "metadata"), _part(told, "payment_method")
    is_kept = method.get("saved") is True
    returned = told.get("refunded_amount")
    return GatewayPayment(
        outside_id=_id(told.get("id")),
        status=_status(told.get("status")),
        is_paid=told.get("paid") is True,
        amount=_amount(told.get("amount")),
        is_test=told.get("test") is True,
        purchase_id=_text(metadata.get("purchase")),
        user_id=_text(metadata.get("user")),
        pay_url=_address(_part(told, "confirmation").get("confirmation_url")),
        reason=_text(_part(told, "cancellation_details").get("reason")),
        refunded=0 if returned is None else _amount(returned).minor,
        at=_moment(told.get("captured_at")) or _moment(told.get("created_at")),
        method_id=_text(method.get("id")) if is_kept else "",
        method_title=_text(method.get("title")) if is_kept else "",
    )


def seen_refund(told: Body) -> GatewayRefund:
    """Return a refund as YooKassa told it. Raises PaymentError when it cannot be read."""
    at = _moment(told.get("created_at"))
    if at is None:
        raise _unreadable("created_at", told.get("created_at"))
    return GatewayRefund(
        outside_id=_id(told.get("id")),
        payment_id=_id(told.get("payment_id")),
        amount=_amount(told.get("amount")),
        is_done=_IS_DONE.get(_text(told.get("status"))),
        at=at,
        reason=_text(_part(told, "cancellation_details").get("reason")),
    )


def _part(told: Body, name: str) -> Body:
    part = told.get(name)
    return part if isinstance(part, Mapping) else {}


def _text(said: object) -> str:
    return said if isinstance(said, str) else ""


def _id(said: object) -> str:
    if not isinstance(said, str) or not said:
        raise _unreadable("id", said)
    return said


def _status(said: object) -> Status:
    try:
        return Status(_text(said))
    except ValueError:
        return Status.UNKNOWN


def _amount(said: object) -> Amount:
    """Return an amount to the kopeck, or say that it is none: nothing is rounded here."""
    if isinstance(said, Mapping) and said.get("currency") == Currency.RUB.value:
        value = said.get("value")
        try:
            if isinstance(value, str):
                return roubles(value)
        except ValueError:
            pass
    raise _unreadable("amount", said)


def _address(said: object) -> str:
    """Return where somebody is sent to; nothing but a web page."""
    address = _text(said)
    return address if address.startswith(("https://", "http://")) else ""


def _moment(said: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_text(said))
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else in_zone(moment, UTC)


def _unreadable(what: str, said: object) -> PaymentError:
    return PaymentError(
        f"YooKassa told something unreadable: {what} {said!r:.80}", code="unreadable"
    )


T = TypeVar("T")
THREADS = 8
DEADLINE_S = 9.5


class CallLane:
    """The threads of one gateway."""

    def __init__(self, deadline_s: float = DEADLINE_S, threads: int = THREADS) -> None:
        self._deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="till")
        self._under_way: set[Call] = set()

    async def run(self, work: Callable[[Call], T]) -> T:
        """Return what the work returns.

        Raises what it raises, or GatewayUnavailable or PaymentUnknown in time.
        """
        call = Call()
        future = self._threads.submit(work, call)
        self._under_way.add(call)
        try:
            async with asyncio.timeout(self._deadline_s):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise _late(call, future) from None
        finally:
            self._under_way.discard(call)
            call.end()

    def close(self) -> None:
        """Cut off what is under way, and let the threads go."""
        for call in list(self._under_way):
            call.end()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _late(call: Call, future: Future[T]) -> GatewayUnavailable:
    """Return what it means that the time is up: the work may not even have begun."""
    if not future.cancel() and call.end():
        return PaymentUnknown("YooKassa did not answer in time", code="no_answer")
    return GatewayUnavailable("YooKassa could not be asked in time", code="unreachable")


log = get_logger(__name__)

PAGE, MOST_PAGES = 100, 1000
# Ids come in notifications too, which anybody can send: none may lead to another address.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class YooKassaGateway:
    """One shop at YooKassa, as a PaymentGateway."""

    def __init__(
        self, shop: YooKassaConfig, shop_id: str, secret: str, deadline_s: float = DEADLINE_S
    ) -> None:
        self._shop = shop
        self._credentials = (shop_id, secret)
        self._lane = CallLane(deadline_s)

    def __repr__(self) -> str:
        return f"YooKassaGateway({self._shop.base_url!r})"

    @property
    def name(self) -> Gateway:
        return Gateway.YOOKASSA

    def close(self) -> None:
        """Cut off what is under way and let the threads go."""
        self._lane.close()

    async def create(self, request: PaymentRequest) -> GatewayPayment:
        body = payment_body(request, self._shop)
        return await self._write("/payments", request.purchase_id, seen, "payment", body)

    async def find(self, outside_id: str) -> GatewayPayment:
        told = await self._read(f"/payments/{_checked(outside_id)}")
        return _same(seen(told), outside_id)

    async def capture(self, payment: GatewayPayment) -> GatewayPayment:
        path = f"/payments/{_checked(payment.outside_id)}/capture"
        key, body = f"{payment.purchase_id}:capture", {"amount": money(payment.amount)}
        return await self._write(path, key, seen, "capture", body)

    async def cancel(self, payment: GatewayPayment) -> GatewayPayment:
        path = f"/payments/{_checked(payment.outside_id)}/cancel"
        return await self._write(path, f"{payment.purchase_id}:cancel", seen)

    async def between(self, since: datetime, until: datetime) -> list[GatewayPayment]:
        query = {"created_at.gte": _written(since), "created_at.lt": _written(until)}
        return list(_readable(await self._listed("/payments", query), seen))

    async def refund(self, request: RefundRequest) -> GatewayRefund:
        body = refund_body(request, self._shop.receipt)
        sent = await self._write("/refunds", request.refund_id, seen_refund, "refund", body)
        # Under the same key YooKassa says again what it said first.
        return await self.find_refund(sent.outside_id) if sent.is_done is None else sent

    async def find_refund(self, outside_id: str) -> GatewayRefund:
        told = await self._read(f"/refunds/{_checked(outside_id)}")
        return _same(seen_refund(told), outside_id)

    async def refunds(self, payment_id: str) -> list[GatewayRefund]:
        query = {"payment_id": _checked(payment_id)}
        return list(_readable(await self._listed("/refunds", query), seen_refund))

    async def end_subscription(self, user_id: int, payment_id: str) -> None:
        """Do nothing: YooKassa renews nothing by itself."""

    async def _write(
        self,
        path: str,
        key: str,
        read: Callable[[Body], T],
        kind: str = "",
        body: Body | None = None,
    ) -> T:
        told = await self._lane.run(lambda call: self._client(call).post(path, key, kind, body))
        try:
            return read(told)
        except PaymentError as error:
            # It was carried out, whatever it is.
            raise PaymentUnknown(str(error), code=error.code) from None

    async def _read(self, path: str, query: Mapping[str, str] | None = None) -> Body:
        return await self._lane.run(lambda call: self._client(call).get(path, query))

    async def _listed(self, path: str, query: Mapping[str, str]) -> list[Body]:
        """Return everything that a list holds, page by page."""
        rows: list[Body] = []
        asked, cursors = {**query, "limit": str(PAGE)}, set[str]()
        while len(cursors) < MOST_PAGES:
            page = await self._read(path, asked)
            items, cursor = page.get("items"), page.get("next_cursor")
            rows += [item for item in items or [] if isinstance(item, Mapping)]
            if not isinstance(cursor, str) or not cursor:
                return rows
            if cursor in cursors:
                break
            cursors.add(cursor)
            asked["cursor"] = cursor
        raise PaymentError("YooKassa's list has no end", code="unreadable")

    def _client(self, call: Call) -> ShopClient:
        # In a thread, and only once somebody buys: the package costs half a second and 23 MB.
        from merlin.providers.yookassa_client import ShopClient  # noqa: PLC0415 - as said

        return ShopClient(self._shop.base_url, self._credentials, call)


def _checked(outside_id: str) -> str:
    if not _ID.fullmatch(outside_id):
        raise PaymentError("this is no id of YooKassa's", code="not_found")
    return outside_id


Found = TypeVar("Found", GatewayPayment, GatewayRefund)


def _same(found: Found, outside_id: str) -> Found:
    if found.outside_id != outside_id:
        raise PaymentError("YooKassa told of another payment or refund", code="unreadable")
    return found


def _readable(rows: list[Body], read: Callable[[Body], T]) -> Iterator[T]:
    """Yield what can be read; a shop may sell other things too, in other currencies."""
    for row in rows:
        try:
            yield read(row)
        except PaymentError as error:
            log.warning("a listed payment cannot be read", reason=str(error))


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
