"""YooKassa's gateway: payments and refunds; every call ends within 10 seconds.

Requests are validated by the `yookassa` package and sent by aiohttp: the package's client has no
total timeout, so a server that sends one byte per second would block a thread forever, and it
retries automatically.

Nothing is retried here: callers retry with the same key. Amounts are parsed exactly, other fields
of YooKassa's JSON leniently.

Source: yookassa.ru/developers/api, objects Payment and Refund; 54-FZ for receipts.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from merlin.config.shop import Receipt, YooKassaConfig
from merlin.core.clock import in_zone
from merlin.core.errors import GatewayUnavailable, PaymentError, PaymentUnknown
from merlin.core.json_fields import get_object, get_text, parse_object
from merlin.core.log import get_logger
from merlin.core.money import Amount, Currency, roubles
from merlin.core.network import is_loopback
from merlin.core.server import join_chunks
from merlin.providers.base import ENDLESS_LIST
from merlin.providers.payments import (
    Gateway,
    GatewayPayment,
    GatewayRefund,
    PaymentRequest,
    PaymentStatus,
    RefundRequest,
    normalise_contact,
)

log = get_logger(__name__)

Body = Mapping[str, Any]
MAX_DESCRIPTION_LENGTH = 128
MAX_REFUND_DESCRIPTION_LENGTH = 250
# Amount and currency, which people are told.
_FOREIGN = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,3})? [A-Z]{3}")
_IS_DONE = {"succeeded": True, "canceled": False}


def build_amount(amount: Amount) -> Body:
    """Return an amount as an API object. Raises PaymentError for other currencies than roubles."""
    if amount.currency is not Currency.RUB:
        raise PaymentError(
            f"YooKassa does not take {amount.currency.value}", code="currency"
        )
    return {"value": amount.decimal, "currency": amount.currency.value}


def build_payment(request: PaymentRequest, shop: YooKassaConfig) -> Body:
    """Return the body of a payment request. Raises PaymentError if a receipt has no recipient."""
    body: dict[str, Any] = {
        "amount": build_amount(request.amount),
        "capture": True,
        "metadata": {"purchase": request.purchase_id, "user": str(request.user_id)},
    }
    description = request.description
    if description:
        body["description"] = description[:MAX_DESCRIPTION_LENGTH]
    body["confirmation"] = {"type": "redirect", "return_url": request.return_url}
    if shop.receipt is not None:
        body["receipt"] = build_receipt(
            shop.receipt, request.contact, description, request.amount
        )
    return body


def build_refund(request: RefundRequest, receipt: Receipt | None) -> Body:
    """Return the body of a refund request, with a receipt if the contact is known.

    Raises PaymentError for a part whose receipt has no recipient.
    """
    body: dict[str, Any] = {
        "payment_id": request.payment_id,
        "amount": build_amount(request.amount),
    }
    if request.reason.strip():
        body["description"] = request.reason.strip()[:MAX_REFUND_DESCRIPTION_LENGTH]
    # Without one, YooKassa creates the receipt of a full refund from that of the payment.
    if receipt is not None and (request.contact or request.is_part):
        body["receipt"] = build_receipt(
            receipt, request.contact, request.title, request.amount
        )
    return body


def build_receipt(receipt: Receipt, contact: str, text: str, amount: Amount) -> Body:
    """Return a receipt with one item for the whole amount."""
    item = {
        "description": text[:MAX_DESCRIPTION_LENGTH],
        "quantity": "1.00",
        "amount": build_amount(amount),
        "vat_code": receipt.vat_code,
        "payment_subject": "service",
        "payment_mode": "full_payment",
    }
    values: dict[str, Any] = {"customer": build_customer(contact), "items": [item]}
    if receipt.tax_system_code is not None:
        values["tax_system_code"] = receipt.tax_system_code
    return values


def build_customer(contact: str) -> Body:
    """Return the recipient of a receipt. Raises PaymentError if `contact` is invalid."""
    plain = normalise_contact(contact)
    if not plain:
        raise PaymentError(
            "a receipt needs an e-mail or a telephone", code="no_contact"
        )
    return {"email": plain} if "@" in plain else {"phone": plain}


def parse_payment(body: Body) -> GatewayPayment:
    """Parse a Payment object in roubles. Raises PaymentError if it is invalid."""
    payment = read_payment(body)
    if payment.foreign:
        raise _unreadable("amount", payment.foreign)
    return payment


def read_payment(body: Body) -> GatewayPayment:
    """Parse a Payment object, which may be in another currency.

    Raises PaymentError if it is invalid.
    """
    foreign = _read_foreign(body.get("amount"))
    metadata = get_object(body, "metadata")
    refunded = None if foreign else body.get("refunded_amount")
    pay_url = get_text(get_object(body, "confirmation"), "confirmation_url")
    return GatewayPayment(
        outside_id=_read_id(body.get("id")),
        status=PaymentStatus(get_text(body, "status")),
        is_paid=body.get("paid") is True,
        amount=roubles(0) if foreign else _read_amount(body.get("amount")),
        is_test=body.get("test") is True,
        purchase_id=get_text(metadata, "purchase"),
        user_id=get_text(metadata, "user"),
        pay_url=pay_url if pay_url.startswith(("https://", "http://")) else "",
        reason=get_text(get_object(body, "cancellation_details"), "reason"),
        refunded=0 if refunded is None else _read_amount(refunded).minor,
        at=_parse_time(body, "captured_at") or _parse_time(body, "created_at"),
        foreign=foreign,
    )


def parse_refund(body: Body) -> GatewayRefund:
    """Parse a Refund object. Raises PaymentError if it is invalid."""
    at = _parse_time(body, "created_at")
    if at is None:
        raise _unreadable("created_at", body.get("created_at"))
    return GatewayRefund(
        outside_id=_read_id(body.get("id")),
        payment_id=_read_id(body.get("payment_id")),
        amount=_read_amount(body.get("amount")),
        is_done=_IS_DONE.get(get_text(body, "status")),
        at=at,
        reason=get_text(get_object(body, "cancellation_details"), "reason"),
    )


def _read_id(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _unreadable("id", value)
    return value


def _read_foreign(field: object) -> str:
    """Return an amount that is not in roubles for people, "" for roubles and for no amount."""
    if not isinstance(field, Mapping):
        return ""
    value, currency = (get_text(field, name) for name in ("value", "currency"))
    is_amount = _FOREIGN.fullmatch(f"{value} {currency}")
    return is_amount[0] if is_amount and currency != Currency.RUB.value else ""


def _read_amount(field: object) -> Amount:
    """Return an amount exact to the kopeck. Raises PaymentError if it would need rounding."""
    if isinstance(field, Mapping) and field.get("currency") == Currency.RUB.value:
        value = field.get("value")
        try:
            if isinstance(value, str):
                return roubles(value)
        except ValueError:
            pass
    raise _unreadable("amount", field)


def _parse_time(body: Body, name: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(get_text(body, name))
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else in_zone(time, UTC)


def _unreadable(what: str, value: object) -> PaymentError:
    return PaymentError(
        f"YooKassa returned something unreadable: {what} {value!r:.80}",
        code="unreadable",
    )


T = TypeVar("T")
CONNECT_S = 3.0
DEADLINE_S = 9.5
_OK = 200
_PROCESSING = 202
_TIMED_OUT = 408
_TOO_MANY = 429
_BROKEN = 500
# A full page of a hundred payments is about 300 kB.
MAX_RESPONSE_BYTES = 8 * 1024 * 1024
_MAX_CODE_LENGTH = 64
_MAX_ERROR_LENGTH = 200

PAGE = "100"
# Of one walk through a list: a hundred thousand payments.
MAX_PAGES = 1_000
MAX_LIST_S = 120.0
# Ids also come from notifications, which anybody can send: they must not change the URL's path.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class YooKassaGateway:
    """The PaymentGateway of one shop at YooKassa; calls raise as those of PaymentGateway."""

    def __init__(
        self,
        shop: YooKassaConfig,
        shop_id: str,
        secret: str,
        deadline_s: float = DEADLINE_S,
        max_pages: int = MAX_PAGES,
        list_s: float = MAX_LIST_S,
    ) -> None:
        self._shop = shop
        authorization = aiohttp.encode_basic_auth(shop_id, secret, "utf-8")
        self._headers = {
            "Authorization": authorization,
            "Content-Type": "application/json",
        }
        self._trust = ssl.create_default_context()
        self._deadline_s = deadline_s
        self._max_pages = max_pages
        self._list_s = list_s

    def __repr__(self) -> str:
        return f"YooKassaGateway({self._shop.base_url!r})"

    @property
    def name(self) -> Gateway:
        return Gateway.YOOKASSA

    async def create(self, request: PaymentRequest) -> GatewayPayment:
        key = request.purchase_id
        body = build_payment(request, self._shop)
        return await self._write(
            "/payments", key, parse_payment, "PaymentRequest", body
        )

    async def find(self, outside_id: str) -> GatewayPayment:
        """Read one payment."""
        body = await self._call("GET", f"/payments/{_check_id(outside_id)}")
        return _require_same_id(read_payment(body), outside_id)

    async def between(self, since: datetime, until: datetime) -> list[GatewayPayment]:
        """Return all payments created in a period."""
        query = {
            "created_at.gte": _format_time(since),
            "created_at.lt": _format_time(until),
        }
        return await self._list_all("/payments", query, read_payment)

    async def refund(self, request: RefundRequest) -> GatewayRefund:
        body = build_refund(request, self._shop.receipt)
        sent = await self._write(
            "/refunds", request.refund_id, parse_refund, "RefundRequest", body
        )
        # With the same key YooKassa repeats its first response, so the current state is read.
        return await self.find_refund(sent.outside_id) if sent.is_done is None else sent

    async def find_refund(self, outside_id: str) -> GatewayRefund:
        body = await self._call("GET", f"/refunds/{_check_id(outside_id)}")
        return _require_same_id(parse_refund(body), outside_id)

    async def refunds(self, payment_id: str) -> list[GatewayRefund]:
        return await self._list_all(
            "/refunds", {"payment_id": _check_id(payment_id)}, parse_refund
        )

    async def _write(
        self, path: str, key: str, read: Callable[[Body], T], kind: str, body: Body
    ) -> T:
        checked = await asyncio.to_thread(_validate_body, kind, body)
        answer_body = await self._call(
            "POST", path, json=checked, headers={"Idempotence-Key": key}
        )
        try:
            return read(answer_body)
        except PaymentError as error:
            # The call was carried out, but its result is unknown.
            raise PaymentUnknown(str(error), code=error.code) from None

    async def _call(self, method: str, path: str, **options: Any) -> Body:
        """Return the JSON object of a response, without following redirects or retrying.

        Raises PaymentError or a subclass within the deadline, without the original error, which can
        contain credentials.
        """
        try:
            async with (
                asyncio.timeout(self._deadline_s),
                aiohttp.ClientSession(
                    headers=self._headers,
                    # A server that does not respond does not close TLS either.
                    connector=aiohttp.TCPConnector(
                        ssl=self._trust, enable_cleanup_closed=True
                    ),
                    timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_S),
                    proxy=_proxy(self._shop.base_url),
                ) as session,
                session.request(
                    method,
                    f"{self._shop.base_url}{path}",
                    allow_redirects=False,
                    **options,
                ) as answer,
            ):
                too_long = ValueError("the answer is too long")
                content = await join_chunks(
                    answer.content.iter_any(), MAX_RESPONSE_BYTES, too_long
                )
                status = answer.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            message = f"YooKassa cannot be reached: {type(error).__name__}"
            raise GatewayUnavailable(message, code="unreachable") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            message = f"YooKassa did not answer: {type(error).__name__}"
            raise PaymentUnknown(message, code="no_answer") from None
        body: Body | None = None
        with suppress(ValueError):
            body = parse_object(content)
        if status == _OK and body is not None:
            return body
        raise _error_of(status, body)

    async def _list_all(
        self, path: str, query: Mapping[str, str], read: Callable[[Body], T]
    ) -> list[T]:
        """Return all valid items of a list, page by page.

        Invalid items are skipped: other programs may use the shop. Raises
        GatewayUnavailable with the code ENDLESS_LIST for a repeated cursor, and above so many
        pages or seconds: part of a list would hide a refund.
        """
        rows: list[T] = []
        params = {**query, "limit": PAGE}
        seen: set[str] = set()
        ends_at = time.monotonic() + self._list_s
        cursor = ""
        while (
            cursor not in seen
            and len(seen) < self._max_pages
            and time.monotonic() < ends_at
        ):
            seen.add(cursor)
            page = await self._call("GET", path, params=params)
            items = page.get("items")
            if not isinstance(items, list):  # not an empty list: a payment may exist
                raise _unreadable("items", items)
            for item in items:
                try:
                    rows += [read(item)] if isinstance(item, Mapping) else []
                except PaymentError as error:
                    log.warning("a listed payment cannot be read", reason=str(error))
            if not (cursor := get_text(page, "next_cursor")):
                return rows
            params["cursor"] = cursor
        message = (
            f"YooKassa's list {path} has no end: {len(seen)} pages of it were read"
        )
        raise GatewayUnavailable(message, code=ENDLESS_LIST)


_import_lock = Lock()


def _validate_body(kind: str, body: Body) -> Body:
    """Return a body after validation by the class `kind` of `yookassa`. Raises PaymentError.

    Call it in a thread: the first import takes half a second and 23 MB, so it is done only for the
    first purchase. Its modules import each other in a circle, so two threads cannot import at once.
    """
    with _import_lock:
        from yookassa.domain import request  # noqa: PLC0415 - see above

    try:
        built = getattr(request, kind)(dict(body))
        built.validate()
        return dict(built)
    except (ValueError, TypeError, AttributeError) as error:
        raise PaymentError(
            f"YooKassa's package refused: {error}", code="invalid_request"
        ) from None


def _error_of(status: int, body: Body | None) -> PaymentError:
    """Return the exception for an unsuccessful or unreadable response."""
    if body is None:
        code = f"http_{status}"
        message = f"YooKassa answered {status} and nothing that can be read"
    else:
        code = str(body.get("code") or f"http_{status}")
        place = f" ({body['parameter']})" if body.get("parameter") else ""
        message = f"YooKassa: {code}: {body.get('description', '')}{place}"[
            :_MAX_ERROR_LENGTH
        ]
    kind = PaymentError
    if status == _TOO_MANY:
        kind = GatewayUnavailable
    # Not YooKassa's own answer, but one of a proxy: it decides nothing.
    elif body is None or status in {_OK, _PROCESSING, _TIMED_OUT} or status >= _BROKEN:
        kind = PaymentUnknown
    return kind(message, code=code[:_MAX_CODE_LENGTH])


def _proxy(url: str) -> str | None:
    """Return the environment's proxy for a URL; aiohttp's own option would also read .netrc."""
    parts = urlsplit(url)
    is_direct = is_loopback(parts.hostname) or proxy_bypass(parts.hostname or "")
    return None if is_direct else getproxies().get(parts.scheme)


def _check_id(outside_id: str) -> str:
    if not _ID.fullmatch(outside_id):
        raise PaymentError("this is no id of YooKassa's", code="not_found")
    return outside_id


Record = TypeVar("Record", GatewayPayment, GatewayRefund)


def _require_same_id(record: Record, outside_id: str) -> Record:
    if record.outside_id != outside_id:
        raise PaymentError(
            "YooKassa returned another payment or refund", code="unreadable"
        )
    return record


def _format_time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
