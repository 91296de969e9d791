"""What a client asks for, read and judged as the vendor does, and how it is refused.

Sources: yookassa.ru/developers/api, objects Payment, Refund, Receipt: limits of their fields;
yookassa.ru/developers/using-api/response-handling, "Формат ответа", "Коды ответа HTTP".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

Body = Mapping[str, Any]
_VALUE = re.compile(r"[0-9]{1,10}\.[0-9]{2}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+?[0-9]{4,15}")
# Nothing that could end a header in which the address stands.
_PLACE = re.compile(r"[\w.:\[\]-]+")
LONGEST_WORDS = 128
LONGEST_REFUND_WORDS = 250
MOST_KEYS, LONGEST_KEY, LONGEST_VALUE = 16, 32, 512
LONGEST_URL = 2048
VAT_CODES, TAX_SYSTEMS = range(1, 13), range(1, 7)
SUBJECTS = frozenset(
    {
        *("commodity", "excise", "job", "service", "gambling_bet", "gambling_prize", "lottery"),
        *("lottery_prize", "intellectual_activity", "payment", "agent_commission"),
        *("property_right", "non_operating_gain", "another", "composite"),
    }
)
MODES = frozenset(
    {
        *("full_prepayment", "partial_prepayment", "advance", "full_payment"),
        *("partial_payment", "credit", "credit_payment"),
    }
)


@dataclass(frozen=True, slots=True)
class PaymentAsked:
    """A payment as it was asked for; `kopecks` more than 0.

    Without a `method_id` somebody pays on a page and comes back to `return_url`.
    """

    kopecks: int
    description: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    is_captured: bool = False
    return_url: str = ""
    method_id: str = ""
    saves_method: bool = False
    receipt: Body | None = None


@dataclass(frozen=True, slots=True)
class RefundAsked:
    """A refund as it was asked for."""

    payment_id: str
    kopecks: int
    description: str = ""
    receipt: Body | None = None


def read_payment(body: Body) -> PaymentAsked:
    """Return what `POST /payments` asks. Raises ShopError."""
    kopecks = read_amount(body.get("amount"), "amount")
    method_id = _text(body, "payment_method_id", 64)
    return PaymentAsked(
        kopecks,
        _text(body, "description", LONGEST_WORDS),
        _metadata(body.get("metadata") or {}),
        _flag(body, "capture"),
        "" if method_id else _return_url(body.get("confirmation")),
        method_id,
        _flag(body, "save_payment_method"),
        read_receipt(body.get("receipt"), kopecks),
    )


def read_refund(body: Body) -> RefundAsked:
    """Return what `POST /refunds` asks. Raises ShopError."""
    payment_id = _text(body, "payment_id", 36)
    if not payment_id:
        raise bad_request("payment_id", "Payment id is missing")
    kopecks = read_amount(body.get("amount"), "amount")
    words = _text(body, "description", LONGEST_REFUND_WORDS)
    return RefundAsked(payment_id, kopecks, words, read_receipt(body.get("receipt"), kopecks))


def read_amount(said: object, parameter: str) -> int:
    """Return kopecks of `{"value": "299.00", "currency": "RUB"}`, more than 0. Raises ShopError."""
    if not isinstance(said, Mapping):
        raise bad_request(parameter, "Amount is missing or is not an object")
    value = said.get("value")
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise bad_request(f"{parameter}.value", "Incorrect amount value")
    if said.get("currency") != "RUB":
        raise bad_request(f"{parameter}.currency", "Incorrect currency code")
    kopecks = int(value.replace(".", ""))
    if kopecks == 0:
        raise bad_request(f"{parameter}.value", "Amount must be greater than zero")
    return kopecks


def money(kopecks: int) -> dict[str, str]:
    """Return kopecks as the vendor writes them."""
    whole, part = divmod(kopecks, 100)
    return {"value": f"{whole}.{part:02d}", "currency": "RUB"}


def read_receipt(said: object, kopecks: int) -> Body | None:
    """Return a receipt whose sum is the payment's, None for none. Raises ShopError."""
    if said is None:
        return None
    if not isinstance(said, Mapping):
        raise bad_request("receipt", "Receipt is not an object")
    customer = _object(said.get("customer") or {}, "receipt.customer")
    email, phone = str(customer.get("email", "")), str(customer.get("phone", ""))
    if not _EMAIL.fullmatch(email) and not _PHONE.fullmatch(phone):
        raise bad_request("receipt.customer", "Customer's email or phone is missing or incorrect")
    if said.get("tax_system_code") not in [None, *TAX_SYSTEMS]:
        raise bad_request("receipt.tax_system_code", "Incorrect tax system code")
    items = said.get("items")
    if not isinstance(items, list) or not items:
        raise bad_request("receipt.items", "Receipt has no items")
    if sum(_item_sums(items)) != kopecks:
        raise bad_request("receipt.items", "Sum of receipt's items is not equal to the amount")
    return said


def _item_sums(items: Sequence[Body]) -> Iterator[Decimal]:
    for place, item in enumerate(items):
        at = f"receipt.items[{place}]"
        _object(item, at)
        words = item.get("description")
        if not isinstance(words, str) or not 0 < len(words) <= LONGEST_WORDS:
            raise bad_request(f"{at}.description", "Incorrect description")
        if item.get("vat_code") not in VAT_CODES:
            raise bad_request(f"{at}.vat_code", "Incorrect VAT code")
        if item.get("payment_subject") not in [None, *SUBJECTS]:
            raise bad_request(f"{at}.payment_subject", "Incorrect payment subject")
        if item.get("payment_mode") not in [None, *MODES]:
            raise bad_request(f"{at}.payment_mode", "Incorrect payment mode")
        yield _quantity(item, at) * read_amount(item.get("amount"), f"{at}.amount")


def _object(said: object, parameter: str) -> Body:
    if not isinstance(said, Mapping):
        raise bad_request(parameter, "This is not an object")
    return said


def _quantity(item: Body, at: str) -> Decimal:
    try:
        quantity = Decimal(str(item.get("quantity")))
    except InvalidOperation:
        quantity = Decimal(0)
    if not quantity.is_finite() or quantity <= 0:
        raise bad_request(f"{at}.quantity", "Incorrect quantity")
    return quantity


def _text(body: Body, name: str, longest: int) -> str:
    said = body.get(name)
    if said is None:
        return ""
    if not isinstance(said, str) or len(said) > longest:
        raise bad_request(name, f"Incorrect {name}: a string of at most {longest} characters")
    return said


def _flag(body: Body, name: str) -> bool:
    said = body.get(name, False)
    if not isinstance(said, bool):
        raise bad_request(name, f"Incorrect {name}: true or false")
    return said


def _metadata(said: object) -> Mapping[str, str]:
    if not isinstance(said, Mapping) or len(said) > MOST_KEYS:
        raise bad_request("metadata", f"Metadata is an object of at most {MOST_KEYS} keys")
    for name, value in said.items():
        is_short = len(name) <= LONGEST_KEY and isinstance(value, str)
        if not is_short or len(value) > LONGEST_VALUE:
            raise bad_request(f"metadata.{name[:LONGEST_KEY]}", "Incorrect key or value")
    return dict(said)


def _return_url(said: object) -> str:
    if not isinstance(said, Mapping):
        raise bad_request("confirmation", "Confirmation or payment_method_id is needed")
    if said.get("type") != "redirect":
        raise bad_request("confirmation.type", "This confirmation is not supported here")
    url = said.get("return_url")
    if not isinstance(url, str) or not _is_address(url):
        raise bad_request("confirmation.return_url", "Incorrect return_url")
    return url


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_web = parts.scheme in {"http", "https"} and url.isprintable()
    return is_web and len(url) <= LONGEST_URL and bool(_PLACE.fullmatch(parts.netloc))


def check_key(key: str | None) -> str:
    """Return the Idempotence-Key of a call. Raises ShopError without one, or with a long one."""
    if not key:
        raise bad_request("Idempotence-Key", "Idempotence key is missing")
    if len(key) > 64:  # noqa: PLR2004 - the vendor's limit
        raise bad_request("Idempotence-Key", "Idempotence key is too long")
    return key


_CODES = {
    400: "invalid_request",
    401: "invalid_credentials",
    403: "forbidden",
    404: "not_found",
    429: "too_many_requests",
    500: "internal_server_error",
}
PROCESSING = 202
RETRY_AFTER_MS = 1800


class ShopError(Exception):
    """One refused call: HTTP status and the vendor's error object."""

    def __init__(self, status: int, description: str, *, parameter: str = "") -> None:
        super().__init__(description)
        self.status = status
        self.parameter = parameter

    def as_json(self) -> dict[str, Any]:
        """Return the answer's body; 202 is not an error but "not done yet"."""
        if self.status == PROCESSING:
            told = {"type": "processing", "description": str(self)}
            return {**told, "retry_after": RETRY_AFTER_MS}
        error = {
            "type": "error",
            "id": str(uuid.uuid4()),
            "code": _CODES.get(self.status, "internal_server_error"),
            "description": str(self),
        }
        return {**error, "parameter": self.parameter} if self.parameter else error


def bad_request(parameter: str, description: str) -> ShopError:
    """Return the answer to a field that cannot be used."""
    return ShopError(400, description, parameter=parameter)


def missing(kind: str, name: str) -> ShopError:
    """Return the answer to a payment, refund or receipt that is not there."""
    return ShopError(404, f"{kind} {name} doesn't exist or is not yours", parameter=f"{kind}_id")
