"""State and transitions of payments and refunds; no HTTP.

Everything here runs in the server's thread. `on_change` is called with the API's event name and the
object. The state is stored in one JSON file.

Money is taken when the payer pays, never only held. A repeated Idempotence-Key with the same
request gets the same response for a day (source: yookassa.ru/developers/using-api/basics,
"Идемпотентность").
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from merlin.core import durable_files
from merlin.core.clock import utc_now
from merlin.core.errors import NotFound
from merlin.sandbox.yookassa.requests import (
    PaymentRequest,
    RefundRequest,
    bad_request,
    missing,
    money,
)

PAID, PENDING, SUCCEEDED = "paid", "pending", "succeeded"
CANCELED, DECLINED, GENERAL = "canceled", "declined", "general_decline"
KEY_LIFE = timedelta(days=1)
PAGE_LIFE = timedelta(hours=1)
Json = dict[str, Any]


@dataclass(slots=True)
class Payment:
    """One payment; `returned` are the refunded kopecks, `reason` is why it was canceled."""

    payment_id: str
    request: PaymentRequest
    created_at: datetime
    page_url: str = ""
    status: str = PENDING
    is_test: bool = True
    returned: int = 0
    captured_at: datetime | None = None
    reason: str = ""

    def as_json(self) -> Json:
        """Return the Payment object."""
        payment: Json = {
            "id": self.payment_id,
            "status": self.status,
            "amount": money(self.request.amount.kopecks),
            "description": self.request.description,
            "created_at": api_time(self.created_at),
            "test": self.is_test,
            "paid": self.status not in {PENDING, CANCELED},
            "metadata": dict(self.request.metadata),
        }
        if self.captured_at is not None:
            payment["captured_at"] = api_time(self.captured_at)
            payment["refunded_amount"] = money(self.returned)
        if self.status == CANCELED:
            payment["cancellation_details"] = {"party": "yoo_money", "reason": self.reason}
        elif self.status == PENDING and self.page_url:
            page = {"type": "redirect", "confirmation_url": self.page_url}
            payment["confirmation"] = page
        return payment


@dataclass(slots=True)
class Refund:
    """One refund of one payment."""

    refund_id: str
    request: RefundRequest
    created_at: datetime
    status: str = PENDING
    reason: str = ""

    def as_json(self) -> Json:
        """Return the Refund object."""
        refund: Json = {
            "id": self.refund_id,
            "status": self.status,
            "amount": money(self.request.amount.kopecks),
            "created_at": api_time(self.created_at),
            "payment_id": self.request.payment_id,
        }
        if self.reason:
            refund["cancellation_details"] = {"party": "yoo_money", "reason": self.reason}
        return refund


def api_time(at: datetime) -> str:
    """Return a time in YooKassa's format: UTC, milliseconds, Z."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


class State(BaseModel):
    """The stored state.

    `keys` maps each Idempotence-Key to its request, its response and the time of use.
    """

    payments: dict[str, Payment] = {}
    refunds: dict[str, Refund] = {}
    keys: dict[str, tuple[Json, Json, datetime]] = {}


@dataclass(slots=True)
class Shop:
    """One shop at YooKassa; `path` keeps its state over restarts (None: in memory)."""

    path: Path | None = None
    on_change: Callable[[str, Json], None] = lambda _event, _object: None
    state: State = field(default_factory=State)

    def __post_init__(self) -> None:
        if self.path is not None and self.path.exists():
            self.state = State.model_validate_json(self.path.read_bytes())

    def save(self) -> None:
        """Store the state, if the shop has a file."""
        if self.path is not None:
            content = self.state.model_dump_json(exclude_none=True)
            durable_files.write_durably(
                self.path, lambda path: path.write_text(content, encoding="utf-8")
            )

    def answer_once(self, key: str, request: Json, act: Callable[[], Json]) -> Json:
        """Return the stored response of an Idempotence-Key, calling `act` for a new one.

        Raises ShopError without a key, and for a key used for another request.
        """
        if not 0 < len(key) <= 64:  # noqa: PLR2004 - the vendor's limit
            raise bad_request("Idempotence-Key", "Idempotence key is missing or too long")
        now = utc_now()
        if key in self.state.keys and now < self.state.keys[key][2] + KEY_LIFE:
            used_request, response, _ = self.state.keys[key]
            if used_request != request:
                raise bad_request("Idempotence-Key", "Idempotence key duplicated")
            return response
        response = act()
        self.state.keys[key] = request, response, now
        self.save()
        return response

    def create(self, request: PaymentRequest, pages: str) -> Payment:
        """Create a payment; `pages` is the URL prefix of payment pages."""
        now = utc_now()
        payment = Payment(new_id(now), request, now)
        self.state.payments[payment.payment_id] = payment
        payment.page_url = f"{pages}{payment.payment_id}"
        return payment

    def find(self, reference: str) -> Payment:
        """Return a payment by its id, or the newest of a purchase. Raises NotFound."""
        self._cancel_expired()
        if reference in self.state.payments:
            return self.state.payments[reference]
        for payment in reversed(self.state.payments.values()):
            if payment.request.metadata.get("purchase") == reference:
                return payment
        raise NotFound(f"no payment {reference}")

    def choose(self, reference: str, outcome: str, reason: str = "") -> Json:
        """End a pending payment: "paid", "declined" with `reason`, or a decline reason.

        Raises NotFound, and ValueError when it has ended already.
        """
        payment = self.find(reference)
        if payment.status != PENDING:
            raise ValueError(f"payment {payment.payment_id} is {payment.status}")
        if outcome == PAID:
            self.take(payment)
        else:
            self.cancel(payment, (reason or GENERAL) if outcome == DECLINED else outcome)
        self.save()
        return payment.as_json()

    def take(self, payment: Payment) -> None:
        """Take the money that was paid."""
        payment.status, payment.captured_at = SUCCEEDED, utc_now()
        self.on_change("payment.succeeded", payment.as_json())

    def cancel(self, payment: Payment, reason: str) -> None:
        """Cancel a payment."""
        payment.status, payment.reason = CANCELED, reason
        self.on_change("payment.canceled", payment.as_json())

    def payments(self) -> list[Payment]:
        """Return all payments, oldest first."""
        self._cancel_expired()
        return list(self.state.payments.values())

    def payment(self, payment_id: str) -> Payment:
        """Return a payment. Raises ShopError."""
        self._cancel_expired()
        if payment_id not in self.state.payments:
            raise missing("payment", payment_id)
        return self.state.payments[payment_id]

    def _cancel_expired(self) -> None:
        """Cancel the payments that waited too long for their payer."""
        for payment in self.state.payments.values():
            if payment.status == PENDING and utc_now() >= payment.created_at + PAGE_LIFE:
                self.cancel(payment, "expired_on_confirmation")

    def refund(self, request: RefundRequest) -> Refund:
        """Refund a payment. Raises ShopError."""
        payment = self.payment(request.payment_id)
        if payment.status != SUCCEEDED:
            raise bad_request("payment_id", "Payment cannot be refunded")
        if request.amount.kopecks > payment.request.amount.kopecks - payment.returned:
            raise bad_request("amount.value", "Refund amount is greater than what is left")
        now = utc_now()
        refund = Refund(new_id(now), request, now)
        self.state.refunds[refund.refund_id] = refund
        self.give_back(refund)
        return refund

    def give_back(self, refund: Refund) -> None:
        """Return a refund's money."""
        refund.status = SUCCEEDED
        self.state.payments[refund.request.payment_id].returned += refund.request.amount.kopecks
        self.on_change("refund.succeeded", refund.as_json())

    def find_refund(self, refund_id: str) -> Refund:
        """Return a refund. Raises ShopError."""
        if refund_id not in self.state.refunds:
            raise missing("refund", refund_id)
        return self.state.refunds[refund_id]


def new_id(at: datetime) -> str:
    """Return an id in YooKassa's format: 36 characters, beginning with the time."""
    suffix = f"{8 + secrets.randbelow(4):x}{secrets.token_hex(2)[:3]}-{secrets.token_hex(6)}"
    return f"{int(at.timestamp()) & 0xFFFFFFFF:08x}-000f-5000-{suffix}"
