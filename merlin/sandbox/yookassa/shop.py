"""State and transitions of payments, refunds, receipts; no HTTP.

Everything here runs in the server's thread. `on_change` is called with the API's event name and the
object. The state is stored in one JSON file.

`Behaviour` decides what happens automatically. A repeated Idempotence-Key with the same request
gets the same response for a day (source: yookassa.ru/developers/using-api/basics,
"Идемпотентность").
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

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
CANCELED, WAITING_FOR_CAPTURE = "canceled", "waiting_for_capture"
DECLINED, GENERAL = "declined", "general_decline"
DAY_S = 86_400.0
PAGE_LIFE = timedelta(hours=1)
Json = dict[str, Any]


@checked_dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Behaviour:
    """What happens automatically.

    `outcome` is how a new payment with a page ends: "" waits for the payer, else "paid",
    "declined" or a decline reason. `refund` is the same for a refund ("pending": stays open).
    `notifications` are posted at once or never. An Idempotence-Key is valid for `key_s` seconds.
    """

    outcome: str = ""
    refund: str = SUCCEEDED
    notifications: Literal["at-once", "never"] = "at-once"
    is_test: bool = True
    key_s: float = DAY_S


@dataclass(slots=True)
class Payment:
    """One payment; `taken` and `returned` are the captured and the refunded kopecks.

    `canceled_by` and `reason` are its cancellation details.
    """

    payment_id: str
    request: PaymentRequest
    created_at: datetime
    page_url: str = ""
    status: str = PENDING
    is_test: bool = True
    taken: int = 0
    returned: int = 0
    captured_at: datetime | None = None
    canceled_by: str = ""
    reason: str = ""

    def as_json(self) -> Json:
        """Return the Payment object."""
        payment: Json = {
            "id": self.payment_id,
            "status": self.status,
            "amount": money(self.taken or self.request.amount.kopecks),
            "description": self.request.description,
            "created_at": api_time(self.created_at),
            "test": self.is_test,
            "paid": self.status in {WAITING_FOR_CAPTURE, SUCCEEDED},
            "metadata": dict(self.request.metadata),
        }
        if self.captured_at is not None:
            payment["captured_at"] = api_time(self.captured_at)
            payment["refunded_amount"] = money(self.returned)
        if self.status == CANCELED:
            reason = {"party": self.canceled_by, "reason": self.reason}
            payment["cancellation_details"] = reason
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
    receipts: list[Json] = []
    keys: dict[str, tuple[Json, Json, datetime]] = {}


@dataclass(slots=True)
class Shop:
    """One shop at YooKassa; `path` keeps its state over restarts (None: in memory)."""

    behaviour: Behaviour = field(default_factory=Behaviour)
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
        now, lifetime = utc_now(), timedelta(seconds=self.behaviour.key_s)
        if key in self.state.keys and now < self.state.keys[key][2] + lifetime:
            used_request, response, _ = self.state.keys[key]
            if used_request != request:
                raise bad_request("Idempotence-Key", "Idempotence key duplicated")
            return response
        response = act()
        self.state.keys[key] = request, response, now
        self.save()
        return response

    def create(self, request: PaymentRequest, pages: str) -> Payment:
        """Create a payment; `pages` is the URL prefix of payment pages. Raises ShopError."""
        now = utc_now()
        payment = Payment(new_id(now), request, now, is_test=self.behaviour.is_test)
        self.state.payments[payment.payment_id] = payment
        payment.page_url = f"{pages}{payment.payment_id}"
        if self.behaviour.outcome:
            self.choose(payment.payment_id, self.behaviour.outcome)
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
        if outcome != PAID:
            self._cancel_payment(payment, (reason or GENERAL) if outcome == DECLINED else outcome)
        elif payment.request.capture:
            self._capture_payment(payment, payment.request.amount.kopecks)
        else:
            payment.status = WAITING_FOR_CAPTURE
            self._notify("payment.waiting_for_capture", payment.as_json())
        self.save()
        return payment.as_json()

    def _capture_payment(self, payment: Payment, kopecks: int) -> None:
        payment.status, payment.taken, payment.captured_at = SUCCEEDED, kopecks, utc_now()
        self._register_receipt(payment.request, payment_id=payment.payment_id)
        self._notify("payment.succeeded", payment.as_json())

    def _cancel_payment(self, payment: Payment, reason: str, by: str = "yoo_money") -> None:
        payment.status, payment.reason, payment.canceled_by = CANCELED, reason, by
        self._notify("payment.canceled", payment.as_json())

    def capture(self, payment_id: str, kopecks: int | None) -> Payment:
        """Capture held money, None for all; the rest returns to the payer. Raises ShopError."""
        payment = self._held_payment(payment_id)
        held_kopecks = payment.request.amount.kopecks
        if kopecks is not None and kopecks > held_kopecks:
            raise bad_request("amount.value", "Amount is greater than the payment's")
        self._capture_payment(payment, held_kopecks if kopecks is None else kopecks)
        return payment

    def cancel(self, payment_id: str) -> Payment:
        """Release held money. Raises ShopError."""
        payment = self._held_payment(payment_id)
        self._cancel_payment(payment, "canceled_by_merchant", "merchant")
        return payment

    def _held_payment(self, payment_id: str) -> Payment:
        payment = self.payment(payment_id)
        if payment.status != WAITING_FOR_CAPTURE:
            raise bad_request("payment_id", f"Payment is in status {payment.status}")
        return payment

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
                self._cancel_payment(payment, "expired_on_confirmation")

    def refund(self, request: RefundRequest) -> Refund:
        """Refund a payment, at once or later. Raises ShopError."""
        payment = self.payment(request.payment_id)
        if payment.status != SUCCEEDED:
            raise bad_request("payment_id", "Payment cannot be refunded")
        pending = sum(
            other.request.amount.kopecks
            for other in self.state.refunds.values()
            if other.status == PENDING and other.request.payment_id == payment.payment_id
        )
        if request.amount.kopecks > payment.taken - payment.returned - pending:
            raise bad_request("amount.value", "Refund amount is greater than what is left")
        now = utc_now()
        refund = Refund(new_id(now), request, now)
        self.state.refunds[refund.refund_id] = refund
        if self.behaviour.refund != PENDING:
            self.finish_refund(refund.refund_id, self.behaviour.refund)
        return refund

    def finish_refund(self, refund_id: str, outcome: str) -> Json:
        """Finish a pending refund: "succeeded" or a cancellation reason. Raises ShopError."""
        refund = self.find_refund(refund_id)
        if outcome != SUCCEEDED:
            refund.status, refund.reason = CANCELED, outcome
            return refund.as_json()  # YooKassa sends no notification of a canceled refund
        refund.status = SUCCEEDED
        self.state.payments[refund.request.payment_id].returned += refund.request.amount.kopecks
        self._register_receipt(refund.request, refund_id=refund.refund_id)
        self._notify("refund.succeeded", refund.as_json())
        return refund.as_json()

    def find_refund(self, refund_id: str) -> Refund:
        """Return a refund. Raises ShopError."""
        if refund_id not in self.state.refunds:
            raise missing("refund", refund_id)
        return self.state.refunds[refund_id]

    def _notify(self, event: str, subject: Json) -> None:
        if self.behaviour.notifications == "at-once":
            self.on_change(event, subject)

    def _register_receipt(self, request: PaymentRequest | RefundRequest, **owner: str) -> None:
        if request.receipt is not None:
            receipt = request.receipt.model_dump(mode="json", exclude_defaults=True)
            self.state.receipts.append({**receipt, **owner})


def new_id(at: datetime) -> str:
    """Return an id in YooKassa's format: 36 characters, beginning with the time."""
    suffix = f"{8 + secrets.randbelow(4):x}{secrets.token_hex(2)[:3]}-{secrets.token_hex(6)}"
    return f"{int(at.timestamp()) & 0xFFFFFFFF:08x}-000f-5000-{suffix}"
