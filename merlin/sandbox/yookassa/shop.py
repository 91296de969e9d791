"""State and transitions of payments and refunds, and the errors of the API; no HTTP.

Everything here runs in the server's thread. `on_change` is called with the API's event name and the
object. The state is stored in one JSON file.

Money is taken when the payer pays, never only held. A repeated Idempotence-Key with the same
request gets the same response (source: yookassa.ru/developers/using-api/basics, "Идемпотентность").
"""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from merlin.core import durable_files
from merlin.core.clock import utc_now
from merlin.openai_protocol.errors import ApiError

PAID = "paid"
PENDING = "pending"
SUCCEEDED = "succeeded"
CANCELED = "canceled"
DECLINED = "declined"
GENERAL = "general_decline"
Json = dict[str, Any]


def money(kopecks: int) -> dict[str, str]:
    """Return an amount in kopecks as an API object."""
    roubles, kopecks_part = divmod(kopecks, 100)
    return {"value": f"{roubles}.{kopecks_part:02d}", "currency": "RUB"}


def read_kopecks(request: Json) -> int:
    """Return the amount of a request in kopecks."""
    return int(request["amount"]["value"].replace(".", ""))


_CODES = {
    400: "invalid_request",
    401: "invalid_credentials",
    403: "forbidden",
    404: "not_found",
    429: "too_many_requests",
}


class ShopError(ApiError):
    """An error response: HTTP status, description and, if known, the invalid field (`param`)."""

    def as_json(self) -> dict[str, Any]:
        """Return the response body."""
        error = {
            "type": "error",
            "id": str(uuid.uuid4()),
            "code": _CODES.get(self.status, "internal_server_error"),
            "description": str(self),
        }
        return {**error, "parameter": self.param} if self.param else error


def bad_request(parameter: str, description: str) -> ShopError:
    """Return the error for an invalid field."""
    return ShopError(400, description, param=parameter)


def missing(kind: str, name: str) -> ShopError:
    """Return the error for a payment or refund that does not exist."""
    return ShopError(
        404, f"{kind} {name} doesn't exist or is not yours", param=f"{kind}_id"
    )


@dataclass(slots=True)
class Payment:
    """One payment; `returned` are the refunded kopecks, `reason` is why it was canceled."""

    payment_id: str
    request: Json
    created_at: datetime
    page_url: str = ""
    status: str = PENDING
    is_test: bool = True
    returned: int = 0
    captured_at: datetime | None = None
    reason: str = ""

    @property
    def kopecks(self) -> int:
        """Return the amount."""
        return read_kopecks(self.request)

    @property
    def return_url(self) -> str:
        """Return where the customer returns after paying."""
        return str(self.request["confirmation"]["return_url"])

    def as_json(self) -> Json:
        """Return the Payment object."""
        payment: Json = {
            "id": self.payment_id,
            "status": self.status,
            "amount": self.request["amount"],
            "description": self.request.get("description", ""),
            "created_at": api_time(self.created_at),
            "test": self.is_test,
            "paid": self.status not in {PENDING, CANCELED},
            "metadata": self.request.get("metadata", {}),
        }
        if self.captured_at is not None:
            payment["captured_at"] = api_time(self.captured_at)
            payment["refunded_amount"] = money(self.returned)
        if self.status == CANCELED:
            payment["cancellation_details"] = {
                "party": "yoo_money",
                "reason": self.reason,
            }
        elif self.status == PENDING and self.page_url:
            page = {"type": "redirect", "confirmation_url": self.page_url}
            payment["confirmation"] = page
        return payment


@dataclass(slots=True)
class Refund:
    """One refund of one payment."""

    refund_id: str
    request: Json
    created_at: datetime
    status: str = PENDING
    reason: str = ""

    def as_json(self) -> Json:
        """Return the Refund object."""
        refund: Json = {
            "id": self.refund_id,
            "status": self.status,
            "amount": self.request["amount"],
            "created_at": api_time(self.created_at),
            "payment_id": self.request["payment_id"],
        }
        if self.reason:
            refund["cancellation_details"] = {
                "party": "yoo_money",
                "reason": self.reason,
            }
        return refund


def api_time(at: datetime) -> str:
    """Return a time in YooKassa's format: UTC, milliseconds, Z."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


class State(BaseModel):
    """The stored state.

    `keys` maps each Idempotence-Key to its request and its response.
    """

    payments: dict[str, Payment] = {}
    refunds: dict[str, Refund] = {}
    keys: dict[str, tuple[Json, Json]] = {}


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
            raise bad_request(
                "Idempotence-Key", "Idempotence key is missing or too long"
            )
        if key in self.state.keys:
            used_request, response = self.state.keys[key]
            if used_request != request:
                raise bad_request("Idempotence-Key", "Idempotence key duplicated")
            return response
        response = act()
        self.state.keys[key] = request, response
        self.save()
        return response

    def create(self, request: Json, pages: str) -> Payment:
        """Create a payment; `pages` is the URL prefix of payment pages."""
        now = utc_now()
        payment = Payment(new_id(now), request, now)
        self.state.payments[payment.payment_id] = payment
        payment.page_url = f"{pages}{payment.payment_id}"
        return payment

    def choose(self, payment: Payment, outcome: str, reason: str = "") -> Json:
        """End a pending payment: "paid", "declined" with `reason`, or a decline reason.

        Raises ValueError when it has ended already.
        """
        if payment.status != PENDING:
            raise ValueError(f"payment {payment.payment_id} is {payment.status}")
        if outcome == PAID:
            self.take(payment)
        else:
            payment.status = CANCELED
            payment.reason = (reason or GENERAL) if outcome == DECLINED else outcome
            self.on_change("payment.canceled", payment.as_json())
        self.save()
        return payment.as_json()

    def take(self, payment: Payment) -> None:
        """Take the money that was paid."""
        payment.status = SUCCEEDED
        payment.captured_at = utc_now()
        self.on_change("payment.succeeded", payment.as_json())

    def payment(self, payment_id: str) -> Payment:
        """Return a payment. Raises ShopError."""
        if payment_id not in self.state.payments:
            raise missing("payment", payment_id)
        return self.state.payments[payment_id]

    def refund(self, request: Json) -> Refund:
        """Refund a payment. Raises ShopError."""
        payment = self.payment(request["payment_id"])
        if payment.status != SUCCEEDED:
            raise bad_request("payment_id", "Payment cannot be refunded")
        if read_kopecks(request) > payment.kopecks - payment.returned:
            raise bad_request(
                "amount.value", "Refund amount is greater than what is left"
            )
        now = utc_now()
        refund = Refund(new_id(now), request, now)
        self.state.refunds[refund.refund_id] = refund
        self.give_back(refund)
        return refund

    def give_back(self, refund: Refund) -> None:
        """Return a refund's money."""
        refund.status = SUCCEEDED
        payment = self.state.payments[refund.request["payment_id"]]
        payment.returned += read_kopecks(refund.request)
        self.on_change("refund.succeeded", refund.as_json())

    def find_refund(self, refund_id: str) -> Refund:
        """Return a refund. Raises ShopError."""
        if refund_id not in self.state.refunds:
            raise missing("refund", refund_id)
        return self.state.refunds[refund_id]


def new_id(at: datetime) -> str:
    """Return an id in YooKassa's format: 36 characters, beginning with the time."""
    suffix = (
        f"{8 + secrets.randbelow(4):x}{secrets.token_hex(2)[:3]}-{secrets.token_hex(6)}"
    )
    return f"{int(at.timestamp()) & 0xFFFFFFFF:08x}-000f-5000-{suffix}"
