"""YooKassa's gateway: payments and refunds, each call over within 10 seconds.

What is asked for is checked by the `yookassa` package's own requests and sent by aiohttp: the
package's client knows no deadline for a whole answer, so a server that drips one byte a second
would hold a thread for ever, and it tries again by itself.

Nothing is asked twice by itself: who asks again does so under the same key. Amounts are exact, all
else in YooKassa's JSON is read leniently.

Source: yookassa.ru/developers/api, objects Payment and Refund; 54-FZ for receipts.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from merlin.config.shop import Receipt, YooKassaConfig
from merlin.core.clock import in_zone
from merlin.core.errors import GatewayUnavailable, PaymentError, PaymentUnknown
from merlin.core.log import get_logger
from merlin.core.loopback import is_loopback
from merlin.core.money import Amount, Currency, roubles
from merlin.core.server import join_chunks
from merlin.providers.payments import (
    Gateway,
    GatewayPayment,
    GatewayRefund,
    PaymentRequest,
    RefundRequest,
    Status,
    contact_of,
)

Body = Mapping[str, Any]
MAX_WORDS_LENGTH, MAX_REFUND_WORDS = 128, 250
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
        body["description"] = words[:MAX_WORDS_LENGTH]
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
        body["description"] = request.reason.strip()[:MAX_REFUND_WORDS]
    # Without a receipt YooKassa makes that of a whole refund from the payment's.
    if receipt is not None and request.contact:
        body["receipt"] = receipt_body(receipt, request.contact, request.title, request.amount)
    return body


def receipt_body(receipt: Receipt, contact: str, text: str, amount: Amount) -> Body:
    """Return a receipt of one thing for all of an amount."""
    item = {
        "description": text[:MAX_WORDS_LENGTH],
        "quantity": "1.00",
        "amount": money(amount),
        "vat_code": receipt.vat_code,
        "payment_subject": receipt.subject,
        "payment_mode": receipt.mode,
    }
    values: dict[str, Any] = {"customer": customer(contact), "items": [item]}
    if receipt.tax_system is not None:
        values["tax_system_code"] = receipt.tax_system
    return values


def customer(contact: str) -> Body:
    """Return whom a receipt goes to. Raises PaymentError for nobody: no receipt, no sale."""
    plain = contact_of(contact)
    if not plain:
        raise PaymentError("a receipt needs an e-mail or a telephone", code="no_contact")
    return {"email": plain} if "@" in plain else {"phone": plain}


def seen(body: Body) -> GatewayPayment:
    """Return a payment as YooKassa told it. Raises PaymentError for what is unreadable."""
    metadata, method = _part(body, "metadata"), _part(body, "payment_method")
    is_kept = method.get("saved") is True
    returned = body.get("refunded_amount")
    return GatewayPayment(
        outside_id=_id(body.get("id")),
        status=Status(_text(body.get("status"))),
        is_paid=body.get("paid") is True,
        amount=_amount(body.get("amount")),
        is_test=body.get("test") is True,
        purchase_id=_text(metadata.get("purchase")),
        user_id=_text(metadata.get("user")),
        pay_url=_address(_part(body, "confirmation").get("confirmation_url")),
        reason=_text(_part(body, "cancellation_details").get("reason")),
        refunded=0 if returned is None else _amount(returned).minor,
        at=_moment(body.get("captured_at")) or _moment(body.get("created_at")),
        method_id=_text(method.get("id")) if is_kept else "",
        method_title=_text(method.get("title")) if is_kept else "",
    )


def seen_refund(body: Body) -> GatewayRefund:
    """Return a refund as YooKassa told it. Raises PaymentError when it cannot be read."""
    at = _moment(body.get("created_at"))
    if at is None:
        raise _unreadable("created_at", body.get("created_at"))
    return GatewayRefund(
        outside_id=_id(body.get("id")),
        payment_id=_id(body.get("payment_id")),
        amount=_amount(body.get("amount")),
        is_done=_IS_DONE.get(_text(body.get("status"))),
        at=at,
        reason=_text(_part(body, "cancellation_details").get("reason")),
    )


def _part(body: Body, name: str) -> Body:
    part = body.get(name)
    return part if isinstance(part, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _id(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _unreadable("id", value)
    return value


def _amount(field: object) -> Amount:
    """Return an amount to the kopeck, or say that it is none: nothing is rounded here."""
    if isinstance(field, Mapping) and field.get("currency") == Currency.RUB.value:
        value = field.get("value")
        try:
            if isinstance(value, str):
                return roubles(value)
        except ValueError:
            pass
    raise _unreadable("amount", field)


def _address(value: object) -> str:
    """Return where somebody is sent to; nothing but a web page."""
    address = _text(value)
    return address if address.startswith(("https://", "http://")) else ""


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else in_zone(moment, UTC)


def _unreadable(what: str, value: object) -> PaymentError:
    return PaymentError(
        f"YooKassa told something unreadable: {what} {value!r:.80}", code="unreadable"
    )


T = TypeVar("T")
CONNECT_S, DEADLINE_S = 3.0, 9.5
_OK, _PROCESSING, _TIMED_OUT, _TOO_MANY, _BROKEN = 200, 202, 408, 429, 500
# A full page of a hundred payments has some 300 kB.
MAX_BYTES = 8 * 1024 * 1024
_MAX_CODE_LENGTH, _MAX_FAULT_LENGTH = 64, 200

log = get_logger(__name__)

PAGE, MAX_PAGES = 100, 1000
# Ids come in notifications too, which anybody can send: none may lead to another address.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class YooKassaGateway:
    """One shop at YooKassa, as a PaymentGateway; people pay beside us, so payments are read too.

    Every call raises as those of PaymentGateway do.
    """

    def __init__(
        self, shop: YooKassaConfig, shop_id: str, secret: str, deadline_s: float = DEADLINE_S
    ) -> None:
        self._shop = shop
        authorization = aiohttp.encode_basic_auth(shop_id, secret, "utf-8")
        self._headers = {"Authorization": authorization, "Content-Type": "application/json"}
        self._trust = ssl.create_default_context()
        self._deadline_s = deadline_s

    def __repr__(self) -> str:
        return f"YooKassaGateway({self._shop.base_url!r})"

    @property
    def name(self) -> Gateway:
        return Gateway.YOOKASSA

    async def create(self, request: PaymentRequest) -> GatewayPayment:
        body = payment_body(request, self._shop)
        return await self._write("/payments", request.purchase_id, seen, "payment", body)

    async def find(self, outside_id: str) -> GatewayPayment:
        """Read one payment."""
        body = await self._call("GET", f"/payments/{_checked(outside_id)}")
        return _same(seen(body), outside_id)

    async def capture(self, payment: GatewayPayment) -> GatewayPayment:
        """Take money that is held."""
        path = f"/payments/{_checked(payment.outside_id)}/capture"
        key, body = f"{payment.purchase_id}:capture", {"amount": money(payment.amount)}
        return await self._write(path, key, seen, "capture", body)

    async def cancel(self, payment: GatewayPayment) -> GatewayPayment:
        """Let money go that is held."""
        path = f"/payments/{_checked(payment.outside_id)}/cancel"
        return await self._write(path, f"{payment.purchase_id}:cancel", seen)

    async def between(self, since: datetime, until: datetime) -> list[GatewayPayment]:
        """Read every payment that was made in a time."""
        query = {"created_at.gte": _written(since), "created_at.lt": _written(until)}
        return await self._listed("/payments", query, seen)

    async def refund(self, request: RefundRequest) -> GatewayRefund:
        body = refund_body(request, self._shop.receipt)
        sent = await self._write("/refunds", request.refund_id, seen_refund, "refund", body)
        # Under the same key YooKassa says again what it said first.
        return await self.find_refund(sent.outside_id) if sent.is_done is None else sent

    async def find_refund(self, outside_id: str) -> GatewayRefund:
        body = await self._call("GET", f"/refunds/{_checked(outside_id)}")
        return _same(seen_refund(body), outside_id)

    async def refunds(self, payment_id: str) -> list[GatewayRefund]:
        return await self._listed("/refunds", {"payment_id": _checked(payment_id)}, seen_refund)

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
        checked = None if body is None else await asyncio.to_thread(_checked_body, kind, body)
        answer_body = await self._call("POST", path, json=checked, headers={"Idempotence-Key": key})
        try:
            return read(answer_body)
        except PaymentError as error:
            # It was carried out, whatever it is.
            raise PaymentUnknown(str(error), code=error.code) from None

    async def _call(self, method: str, path: str, **options: Any) -> Body:
        """Return the object that answers a call; follows no redirect, tries nothing twice.

        Raises PaymentError and its kinds within the deadline.
        """
        is_sent, failed, status, content = False, "", 0, b""

        async def note_connected(*_: object) -> None:
            nonlocal is_sent
            is_sent = True

        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(note_connected)
        try:
            async with (
                asyncio.timeout(self._deadline_s),
                aiohttp.ClientSession(
                    headers=self._headers,
                    # A server that is silent does not end TLS either.
                    connector=aiohttp.TCPConnector(ssl=self._trust, enable_cleanup_closed=True),
                    timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_S),
                    trace_configs=[trace],
                    proxy=_proxy(self._shop.base_url),
                ) as session,
                session.request(
                    method, f"{self._shop.base_url}{path}", allow_redirects=False, **options
                ) as answer,
            ):
                too_long = ValueError("the answer is too long")
                content = await join_chunks(answer.content.iter_any(), MAX_BYTES, too_long)
                status = answer.status
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failed = type(error).__name__
        # Outside of the handler: the error may hold the request with its credentials.
        if failed and is_sent:
            raise PaymentUnknown(f"YooKassa did not answer: {failed}", code="no_answer")
        if failed:
            raise GatewayUnavailable(f"YooKassa cannot be reached: {failed}", code="unreachable")
        body = _object(content)
        if status == _OK and body is not None:
            return body
        raise _refusal(status, body)

    async def _listed(
        self, path: str, query: Mapping[str, str], read: Callable[[Body], T]
    ) -> list[T]:
        """Return everything that a list holds, page by page, and that can be read.

        A shop may sell other things too, in other currencies.
        """
        rows: list[T] = []
        params, cursors = {**query, "limit": str(PAGE)}, set[str]()
        while len(cursors) < MAX_PAGES:
            page = await self._call("GET", path, params=params)
            items, cursor = page.get("items"), page.get("next_cursor")
            for item in items or []:
                try:
                    rows += [read(item)] if isinstance(item, Mapping) else []
                except PaymentError as error:
                    log.warning("a listed payment cannot be read", reason=str(error))
            if not isinstance(cursor, str) or not cursor:
                return rows
            if cursor in cursors:
                break
            cursors.add(cursor)
            params["cursor"] = cursor
        raise PaymentError("YooKassa's list has no end", code="unreadable")


def _checked_body(kind: str, body: Body) -> Body:
    """Return a body that the `yookassa` package finds right.

    To be called in a thread: the package costs half a second and 23 MB once. Raises PaymentError:
    nothing was asked.
    """
    # Only once somebody buys.
    from yookassa.domain import request  # noqa: PLC0415 - as said
    from yookassa.domain.request.refund_request import RefundRequest  # noqa: PLC0415 - as said

    kinds = {
        "payment": request.PaymentRequest,
        "capture": request.CapturePaymentRequest,
        "refund": RefundRequest,
    }
    try:
        built = kinds[kind](dict(body))
        built.validate()
        return dict(built)
    except (ValueError, TypeError, AttributeError) as error:
        raise PaymentError(f"YooKassa's package refused: {error}", code="invalid_request") from None


def _object(content: bytes) -> Body | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping) else None


def _refusal(status: int, body: Body | None) -> PaymentError:
    """Return our error for an answer that is no success, or cannot be read."""
    if body is None:
        code, words = f"http_{status}", f"YooKassa answered {status} and nothing that can be read"
    else:
        code = str(body.get("code") or f"http_{status}")
        place = f" ({body['parameter']})" if body.get("parameter") else ""
        words = f"YooKassa: {code}: {body.get('description', '')}{place}"[:_MAX_FAULT_LENGTH]
    kind = PaymentError
    if status == _TOO_MANY:
        kind = GatewayUnavailable
    elif status in {_OK, _PROCESSING, _TIMED_OUT} or status >= _BROKEN:
        kind = PaymentUnknown
    return kind(words, code=code[:_MAX_CODE_LENGTH])


def _proxy(url: str) -> str | None:
    """Return the environment's proxy for an address; aiohttp would read .netrc with it."""
    parts = urlsplit(url)
    is_direct = is_loopback(parts.hostname) or proxy_bypass(parts.hostname or "")
    return None if is_direct else getproxies().get(parts.scheme)


def _checked(outside_id: str) -> str:
    if not _ID.fullmatch(outside_id):
        raise PaymentError("this is no id of YooKassa's", code="not_found")
    return outside_id


Found = TypeVar("Found", GatewayPayment, GatewayRefund)


def _same(found: Found, outside_id: str) -> Found:
    if found.outside_id != outside_id:
        raise PaymentError("YooKassa told of another payment or refund", code="unreadable")
    return found


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
