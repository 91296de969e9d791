"""Payments, refunds and receipts as YooKassa's API v3 writes them.

Source: yookassa.ru/developers/api, objects Payment, Refund, Receipt.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from merlin.sandbox.yookassa.requests import bad_request, money
from merlin.sandbox.yookassa.shop import CANCELED, WAITING_FOR_CAPTURE, Payment, Refund, Shop

Told = dict[str, Any]
MOST_ON_PAGE, USUAL_ON_PAGE = 100, 10
_FEE = 35  # of a thousand


def payment_object(shop: Shop, payment: Payment, account: str) -> Told:
    """Return a Payment object; `account` is the shop's id."""
    asked = payment.asked
    told: Told = {
        "id": payment.payment_id,
        "status": payment.status,
        "amount": money(payment.taken or asked.kopecks),
        "recipient": {"account_id": account, "gateway_id": "100700"},
        "created_at": moment(payment.created_at),
        "test": payment.is_test,
        "paid": payment.is_paid,
        "refundable": payment.taken > payment.returned,
        "metadata": dict(asked.metadata),
    }
    if asked.description:
        told["description"] = asked.description
    if payment.method_id:
        told["payment_method"] = _method(shop, payment.method_id)
    if asked.receipt is not None and payment.taken:
        told["receipt_registration"] = "succeeded"
    return {**told, **_by_status(payment)}


def _by_status(payment: Payment) -> Told:
    if payment.status == CANCELED:
        why = {"party": payment.canceled_by, "reason": payment.reason}
        return {"cancellation_details": why}
    if payment.is_paid:
        return _paid(payment)
    if not payment.page_url:
        return {}
    return {"confirmation": {"type": "redirect", "confirmation_url": payment.page_url}}


def _paid(payment: Payment) -> Told:
    secure = {"applied": payment.is_secured}
    told: Told = {
        "authorization_details": {"rrn": "10000000000", "auth_code": "000000"}
        | {"three_d_secure": secure},
    }
    if payment.status == WAITING_FOR_CAPTURE and payment.ends_at is not None:
        return {**told, "expires_at": moment(payment.ends_at)}
    if payment.captured_at is not None:
        told["captured_at"] = moment(payment.captured_at)
    income = payment.taken - payment.taken * _FEE // 1000
    return {
        **told,
        "income_amount": money(income),
        "refunded_amount": money(payment.returned),
    }


def _method(shop: Shop, method_id: str) -> Told:
    kept = shop.methods.get(method_id)
    last4 = kept.last4 if kept else "4444"
    card = {"first6": "555555", "last4": last4, "expiry_year": "2030", "expiry_month": "12"}
    return {
        "type": "bank_card",
        "id": method_id,
        "saved": kept is not None and kept.is_alive,
        "title": f"Bank card *{last4}",
        "card": {**card, "card_type": "MasterCard", "issuer_country": "RU"},
    }


def refund_object(refund: Refund) -> Told:
    """Return a Refund object."""
    told: Told = {
        "id": refund.refund_id,
        "status": refund.status,
        "amount": money(refund.asked.kopecks),
        "created_at": moment(refund.created_at),
        "payment_id": refund.asked.payment_id,
    }
    if refund.asked.description:
        told["description"] = refund.asked.description
    if refund.reason:
        told["cancellation_details"] = {"party": "yoo_money", "reason": refund.reason}
    return told


def moment(at: datetime) -> str:
    """Return a time as the vendor writes it: UTC, milliseconds, Z."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def page_of(rows: Sequence[Told], query: Mapping[str, str]) -> Told:
    """Return one page of a list, newest first, and the cursor of the next. Raises ShopError."""
    limit = query.get("limit", str(USUAL_ON_PAGE))
    if not limit.isdigit() or not 1 <= int(limit) <= MOST_ON_PAGE:
        raise bad_request("limit", f"Limit must be from 1 to {MOST_ON_PAGE}")
    start = _start(rows, query.get("cursor", ""))
    shown = list(rows[start : start + int(limit)])
    told: Told = {"type": "list", "items": shown}
    if start + len(shown) < len(rows):
        told["next_cursor"] = rows[start + len(shown)]["id"]
    return told


def _start(rows: Sequence[Told], cursor: str) -> int:
    if not cursor:
        return 0
    for place, row in enumerate(rows):
        if row["id"] == cursor:
            return place
    raise bad_request("cursor", "Incorrect cursor")


def wanted(query: Mapping[str, str]) -> Callable[[Told], bool]:
    """Return whether a row is of the times, status and owner that a list is asked for.

    Raises ShopError for a time that cannot be read.
    """
    sides = {
        holds: _moment(side, query[f"created_at.{side}"])
        for side, holds in _SIDES.items()
        if query.get(f"created_at.{side}")
    }
    fields = {name: query[name] for name in ("status", "payment_id", "refund_id") if name in query}

    def is_wanted(row: Told) -> bool:
        at = datetime.fromisoformat(row["created_at"])
        is_in_time = all(holds(at, moment) for holds, moment in sides.items())
        return is_in_time and all(row.get(name) == value for name, value in fields.items())

    return is_wanted


_SIDES: Mapping[str, Callable[[datetime, datetime], bool]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
}


def _moment(side: str, said: str) -> datetime:
    try:
        return datetime.fromisoformat(said).astimezone(UTC)
    except ValueError:
        raise bad_request(f"created_at.{side}", "Incorrect time") from None
