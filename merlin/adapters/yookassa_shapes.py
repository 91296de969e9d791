"""YooKassa's JSON and our dataclasses, both ways; amounts are exact, all else is read leniently.

Source: yookassa.ru/developers/api, objects Payment and Refund; 54-FZ for receipts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from merlin.billing.amount import Amount, Currency, roubles
from merlin.billing.contact import contact_of
from merlin.billing.purchase import Purchase
from merlin.billing.selling import Receipt, YooKassaConfig
from merlin.billing.till import Seen, SeenRefund, Status, Wish
from merlin.core.clock import in_zone
from merlin.core.errors import TillError

Body = Mapping[str, Any]
LONGEST_WORDS, LONGEST_REFUND_WORDS = 128, 250
_IS_DONE = {"succeeded": True, "canceled": False}


def money(amount: Amount) -> Body:
    """Return an amount as YooKassa writes it. Raises TillError: it takes roubles alone."""
    if amount.currency is not Currency.RUB:
        raise TillError(f"YooKassa does not take {amount.currency.value}", code="currency")
    return {"value": amount.decimal, "currency": amount.currency.value}


def payment_body(wish: Wish, shop: YooKassaConfig) -> Body:
    """Return what asks for a payment. Raises TillError when a receipt has nobody to go to."""
    order = wish.purchase.order
    body: dict[str, Any] = {
        "amount": money(order.amount),
        "capture": not shop.is_held,
        "metadata": {"purchase": wish.purchase.purchase_id, "user": str(order.user_id)},
    }
    if wish.words:
        body["description"] = wish.words[:LONGEST_WORDS]
    if wish.method_id:
        body["payment_method_id"] = wish.method_id
    else:
        body["confirmation"] = {"type": "redirect", "return_url": wish.return_url}
        body["save_payment_method"] = wish.saves_method
    if shop.receipt is not None:
        body["receipt"] = receipt_body(shop.receipt, order.contact, wish.words, order.amount)
    return body


def refund_body(
    payment_id: str, amount: Amount, words: str, receipt: Receipt | None, bought: Purchase | None
) -> Body:
    """Return what asks for a refund; its receipt names what was bought, where that is known."""
    body: dict[str, Any] = {"payment_id": payment_id, "amount": money(amount)}
    if words.strip():
        body["description"] = words.strip()[:LONGEST_REFUND_WORDS]
    # Without a receipt YooKassa makes that of a whole refund from the payment's.
    if receipt is not None and bought is not None and bought.order.contact:
        title = bought.order.promise.title
        said = title.get("ru") or bought.order.promise.plan
        body["receipt"] = receipt_body(receipt, bought.order.contact, said, amount)
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
    """Return whom a receipt goes to. Raises TillError for nobody: no receipt, no sale."""
    plain = contact_of(contact)
    if not plain:
        raise TillError("a receipt needs an e-mail or a telephone", code="no_contact")
    return {"email": plain} if "@" in plain else {"phone": plain}


def seen(told: Body) -> Seen:
    """Return a payment as YooKassa told it. Raises TillError when id or amount are unreadable."""
    metadata, method = _part(told, "metadata"), _part(told, "payment_method")
    is_kept = method.get("saved") is True
    returned = told.get("refunded_amount")
    return Seen(
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


def seen_refund(told: Body) -> SeenRefund:
    """Return a refund as YooKassa told it. Raises TillError when it cannot be read."""
    at = _moment(told.get("created_at"))
    if at is None:
        raise _unreadable("created_at", told.get("created_at"))
    return SeenRefund(
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


def _unreadable(what: str, said: object) -> TillError:
    return TillError(f"YooKassa told something unreadable: {what} {said!r:.80}", code="unreadable")
