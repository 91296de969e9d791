"""The shop's state: payments, refunds, receipts and saved methods, and how each goes on.

It knows no HTTP. Everything here runs in the server's one thread; `on_change` is called with the
vendor's word for the event and the object. The state outlives the process in one JSON file.

`Behaviour` is what happens where nobody chooses; faults of single calls (drops, 500, 202, lag) are
`merlin.sandbox.faults`. The same Idempotence-Key and the same call give the same answer, for a day
(source: yookassa.ru/developers/using-api/basics, "Идемпотентность").
"""

from __future__ import annotations

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
    """What happens by itself.

    `outcome` is how a new payment with a page ends at once: "" waits for the payer, else "paid",
    "declined" or a reason. `renewal` is how a payment by a saved method ends, `refund` how a
    refund does ("pending": not yet). `notifications` are posted at once or never. An
    Idempotence-Key lives `key_s`.
    """

    outcome: str = ""
    renewal: str = PAID
    refund: str = SUCCEEDED
    notifications: Literal["at-once", "never"] = "at-once"
    is_test: bool = True
    key_s: float = DAY_S


@dataclass(slots=True)
class Payment:
    """One payment; `taken` are the kopecks that the shop took, `returned` those it gave back.

    `canceled_by` and `reason` say why it ended without money.
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
    method_id: str = ""
    is_method_saved: bool = False
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
        if self.method_id:
            card = {"type": "bank_card", "id": self.method_id, "title": "Bank card *4444"}
            payment["payment_method"] = {**card, "saved": self.is_method_saved}
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
    """Return a time as the vendor writes it: UTC, milliseconds, Z."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


class State(BaseModel):
    """What outlives the process; `methods` are saved ones by id, False: revoked.

    `keys` are Idempotence-Keys: the call that each was used for, its answer, and when.
    """

    payments: dict[str, Payment] = {}
    refunds: dict[str, Refund] = {}
    receipts: list[Json] = []
    methods: dict[str, bool] = {}
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
        """Write the state down, if the shop has a file."""
        if self.path is not None:
            content = self.state.model_dump_json(exclude_none=True)
            durable_files.write_durably(
                self.path, lambda path: path.write_text(content, encoding="utf-8")
            )

    def answer_once(self, key: str, call: Json, act: Callable[[], Json]) -> Json:
        """Return what the call was answered with, acting only for the first of a key.

        Raises ShopError without a key, and for one that was used for another call.
        """
        if not 0 < len(key) <= 64:  # noqa: PLR2004 - the vendor's limit
            raise bad_request("Idempotence-Key", "Idempotence key is missing or too long")
        now, lasts = utc_now(), timedelta(seconds=self.behaviour.key_s)
        if key in self.state.keys and now < self.state.keys[key][2] + lasts:
            used_for, answer, _ = self.state.keys[key]
            if used_for != call:
                raise bad_request("Idempotence-Key", "Idempotence key duplicated")
            return answer
        answer = act()
        self.state.keys[key] = call, answer, now
        self.save()
        return answer

    def create(self, request: PaymentRequest, pages: str) -> Payment:
        """Make a payment; `pages` is where its page will be. Raises ShopError."""
        if request.payment_method_id and request.payment_method_id not in self.state.methods:
            raise bad_request("payment_method_id", "Payment method doesn't exist or is not saved")
        now = utc_now()
        payment = Payment(new_id(now), request, now, is_test=self.behaviour.is_test)
        self.state.payments[payment.payment_id] = payment
        if request.payment_method_id:
            payment.method_id = request.payment_method_id
            payment.is_method_saved = self.state.methods[payment.method_id]
            if not payment.is_method_saved:
                self._stop(payment, "permission_revoked")
            elif self.behaviour.renewal != PENDING:
                self.choose(payment.payment_id, self.behaviour.renewal)
        else:
            payment.page_url = f"{pages}{payment.payment_id}"
            if self.behaviour.outcome:
                self.choose(payment.payment_id, self.behaviour.outcome)
        return payment

    def find(self, which: str) -> Payment:
        """Return a payment by its id, or the newest of a purchase. Raises NotFound."""
        self._expire()
        if which in self.state.payments:
            return self.state.payments[which]
        for payment in reversed(self.state.payments.values()):
            if payment.request.metadata.get("purchase") == which:
                return payment
        raise NotFound(f"no payment {which}")

    def choose(self, which: str, outcome: str, reason: str = "") -> Json:
        """End the payer's part: "paid", "declined" for a reason, or a reason.

        Raises NotFound, ValueError when it ended before.
        """
        payment = self.find(which)
        if payment.status != PENDING:
            raise ValueError(f"payment {payment.payment_id} is {payment.status}")
        if outcome != PAID:
            self._stop(payment, (reason or GENERAL) if outcome == DECLINED else outcome)
        else:
            if not payment.method_id:
                payment.method_id = payment.payment_id  # as the vendor does
                payment.is_method_saved = payment.request.save_payment_method
            if payment.is_method_saved:
                self.state.methods.setdefault(payment.method_id, True)
            if payment.request.capture:
                self._take(payment, payment.request.amount.kopecks)
            else:
                payment.status = WAITING_FOR_CAPTURE
                self._tell("payment.waiting_for_capture", payment.as_json())
        self.save()
        return payment.as_json()

    def _take(self, payment: Payment, kopecks: int) -> None:
        payment.status, payment.taken, payment.captured_at = SUCCEEDED, kopecks, utc_now()
        self._register(payment.request, payment_id=payment.payment_id)
        self._tell("payment.succeeded", payment.as_json())

    def _stop(self, payment: Payment, reason: str, by: str = "yoo_money") -> None:
        payment.status, payment.reason, payment.canceled_by = CANCELED, reason, by
        self._tell("payment.canceled", payment.as_json())

    def capture(self, payment_id: str, kopecks: int | None) -> Payment:
        """Take held money, None for all; the rest goes back to the payer. Raises ShopError."""
        payment = self._held(payment_id)
        whole = payment.request.amount.kopecks
        if kopecks is not None and kopecks > whole:
            raise bad_request("amount.value", "Amount is greater than the payment's")
        self._take(payment, whole if kopecks is None else kopecks)
        return payment

    def cancel(self, payment_id: str) -> Payment:
        """Let held money go. Raises ShopError."""
        payment = self._held(payment_id)
        self._stop(payment, "canceled_by_merchant", "merchant")
        return payment

    def _held(self, payment_id: str) -> Payment:
        payment = self.payment(payment_id)
        if payment.status != WAITING_FOR_CAPTURE:
            raise bad_request("payment_id", f"Payment is in status {payment.status}")
        return payment

    def payments(self) -> list[Payment]:
        """Return every payment as it now is, oldest first."""
        self._expire()
        return list(self.state.payments.values())

    def payment(self, payment_id: str) -> Payment:
        """Return a payment as it now is. Raises ShopError."""
        self._expire()
        if payment_id not in self.state.payments:
            raise missing("payment", payment_id)
        return self.state.payments[payment_id]

    def _expire(self) -> None:
        """End what waited too long for its payer."""
        for payment in self.state.payments.values():
            if payment.status == PENDING and utc_now() >= payment.created_at + PAGE_LIFE:
                self._stop(payment, "expired_on_confirmation")

    def refund(self, request: RefundRequest) -> Refund:
        """Give money back, at once or later. Raises ShopError."""
        payment = self.payment(request.payment_id)
        if payment.status != SUCCEEDED:
            raise bad_request("payment_id", "Payment cannot be refunded")
        pending = sum(
            each.request.amount.kopecks
            for each in self.state.refunds.values()
            if each.status == PENDING and each.request.payment_id == payment.payment_id
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
        """End a refund that is under way: "succeeded" or a reason. Raises ShopError for none."""
        refund = self.found_refund(refund_id)
        if outcome != SUCCEEDED:
            refund.status, refund.reason = CANCELED, outcome
            return refund.as_json()  # the vendor tells nobody of a canceled refund
        refund.status = SUCCEEDED
        self.state.payments[refund.request.payment_id].returned += refund.request.amount.kopecks
        self._register(refund.request, refund_id=refund.refund_id)
        self._tell("refund.succeeded", refund.as_json())
        return refund.as_json()

    def found_refund(self, refund_id: str) -> Refund:
        """Return a refund. Raises ShopError."""
        if refund_id not in self.state.refunds:
            raise missing("refund", refund_id)
        return self.state.refunds[refund_id]

    def _tell(self, event: str, thing: Json) -> None:
        if self.behaviour.notifications == "at-once":
            self.on_change(event, thing)

    def _register(self, request: PaymentRequest | RefundRequest, **owner: str) -> None:
        if request.receipt is not None:
            receipt = request.receipt.model_dump(mode="json", exclude_defaults=True)
            self.state.receipts.append({**receipt, **owner})


def new_id(at: datetime) -> str:
    """Return an id that looks like the vendor's: 36 characters, the time first."""
    end = f"{8 + secrets.randbelow(4):x}{secrets.token_hex(2)[:3]}-{secrets.token_hex(6)}"
    return f"{int(at.timestamp()) & 0xFFFFFFFF:08x}-000f-5000-{end}"
