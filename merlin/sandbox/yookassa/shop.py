"""The shop's state: payments, refunds, receipts and saved methods, and how each goes on.

It knows no HTTP. Everything here runs in the server's one thread; whoever wants to hear of
changes is called with the vendor's word for the event and the changed thing.

`Behaviour` is what happens where nobody chooses: outcomes, notifications, how long things last;
faults of single calls (drops, 500, 202, lag) are `merlin.sandbox.faults`. `Keys` are
Idempotence-Keys: the same key and the same call give the same answer, for a day (source:
yookassa.ru/developers/using-api/basics, "Идемпотентность"). `Memory` keeps it all over the shop's
own end: one JSON file, written whole after every call.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from merlin.core import durable_files
from merlin.core.clock import from_iso, iso, utc_now
from merlin.sandbox.server import change_fields
from merlin.sandbox.yookassa.requests import PaymentAsked, RefundAsked, bad_request, missing

PAID, PENDING, SUCCEEDED = "paid", "pending", "succeeded"
AT_ONCE, NEVER, HELD = "at-once", "never", "held"
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens by itself.

    `outcome` is how a new payment with a page ends at once: "" waits for the payer, else "paid",
    "declined" or a reason. `renewal` is how a payment by a saved method ends ("pending": not yet),
    `refund` how a refund does. `notifications` are posted at once, never, or held until told;
    `late_s` later, each `times` times; what is not answered 200 is posted again after `retry_s`,
    then twice that, `tries` times in all. A page lives `expires_s`, held money `holds_s`, an
    Idempotence-Key `key_s`. A payment is missing from lists for `list_lag_s` after it was made.
    """

    outcome: str = ""
    renewal: str = PAID
    refund: str = SUCCEEDED
    notifications: str = AT_ONCE
    late_s: float = 0.0
    times: int = 1
    retry_s: float = 0.2
    tries: int = 5
    is_test: bool = True
    saves_methods: bool = True
    expires_s: float = 3_600.0
    holds_s: float = 7 * DAY_S
    key_s: float = DAY_S
    list_lag_s: float = 0.0

    def changed(self, wishes: Mapping[str, object]) -> Behaviour:
        """Return the behaviour with some fields changed.

        Raises ValueError for an unknown field or word, TypeError for a value of another type.
        """
        if wishes.get("notifications", AT_ONCE) not in {AT_ONCE, NEVER, HELD}:
            raise ValueError(f"notifications are {AT_ONCE}, {NEVER} or {HELD}")
        return change_fields(self, wishes)


CANCELED, WAITING_FOR_CAPTURE = "canceled", "waiting_for_capture"
DECLINED = "declined"
GENERAL = "general_decline"


@dataclass(slots=True)
class Payment:
    """One payment; `taken` are the kopecks that the shop took, `returned` those it gave back.

    `canceled_by` and `reason` say why it ended without money.
    """

    payment_id: str
    asked: PaymentAsked
    created_at: datetime
    page_url: str = ""
    status: str = PENDING
    is_test: bool = True
    taken: int = 0
    returned: int = 0
    captured_at: datetime | None = None
    ends_at: datetime | None = None
    method_id: str = ""
    canceled_by: str = ""
    reason: str = ""
    is_secured: bool = False

    @property
    def is_paid(self) -> bool:
        """Return whether the payer gave their money, taken yet or only held."""
        return self.status in {WAITING_FOR_CAPTURE, SUCCEEDED}


@dataclass(slots=True)
class Refund:
    """One refund of one payment."""

    refund_id: str
    asked: RefundAsked
    created_at: datetime
    status: str = PENDING
    reason: str = ""


@dataclass(slots=True)
class Method:
    """What somebody paid with and let the shop keep; `is_alive` False: they took it back."""

    method_id: str
    last4: str = "4444"
    is_alive: bool = True


Change = Callable[[str, "Payment | Refund"], None]


@dataclass(slots=True)
class Shop:
    """One shop at YooKassa."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    payments: dict[str, Payment] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    methods: dict[str, Method] = field(default_factory=dict)
    hear: Change = lambda _event, _thing: None

    def create(self, asked: PaymentAsked, pages: str) -> Payment:
        """Make a payment; `pages` is where its page will be. Raises ShopError."""
        method = self._method(asked.method_id) if asked.method_id else None
        now = utc_now()
        payment = Payment(new_id(now), asked, now, is_test=self.behaviour.is_test)
        payment.ends_at = now + timedelta(seconds=self.behaviour.expires_s)
        self.payments[payment.payment_id] = payment
        if method is not None:
            payment.method_id = method.method_id
            self._renew(payment, method)
        else:
            payment.page_url = f"{pages}{payment.payment_id}"
            if self.behaviour.outcome:
                self.confirm(payment, self.behaviour.outcome)
        return payment

    def _renew(self, payment: Payment, method: Method) -> None:
        if not method.is_alive:
            self.stop(payment, "permission_revoked")
        elif self.behaviour.renewal != PENDING:
            self.confirm(payment, self.behaviour.renewal)

    def _method(self, method_id: str) -> Method:
        method = self.methods.get(method_id)
        if method is None:
            raise bad_request("payment_method_id", "Payment method doesn't exist or is not saved")
        return method

    def confirm(self, payment: Payment, outcome: str) -> None:
        """End the payer's part: "paid", "declined" or a reason. Raises ValueError when it ended."""
        if payment.status != PENDING:
            raise ValueError(f"payment {payment.payment_id} is {payment.status}")
        if outcome != PAID:
            self.stop(payment, GENERAL if outcome == DECLINED else outcome)
            return
        self._keep_method(payment)
        if payment.asked.is_captured:
            self.take(payment, payment.asked.kopecks)
        else:
            payment.status = WAITING_FOR_CAPTURE
            payment.ends_at = utc_now() + timedelta(seconds=self.behaviour.holds_s)
            self.hear(f"payment.{WAITING_FOR_CAPTURE}", payment)

    def _keep_method(self, payment: Payment) -> None:
        if payment.method_id:
            return
        payment.method_id = payment.payment_id  # as the vendor does
        if payment.asked.saves_method and self.behaviour.saves_methods:
            self.methods[payment.method_id] = Method(payment.method_id)

    def take(self, payment: Payment, kopecks: int) -> None:
        """Take the money, all or a part of it; what is left goes back to the payer."""
        payment.status, payment.taken = SUCCEEDED, kopecks
        payment.captured_at, payment.ends_at = utc_now(), None
        self._register(payment.asked.receipt, "payment", payment.payment_id)
        self.hear("payment.succeeded", payment)

    def stop(self, payment: Payment, reason: str, by: str = "yoo_money") -> None:
        """End a payment without money."""
        payment.status, payment.reason, payment.ends_at = CANCELED, reason, None
        payment.canceled_by = by
        self.hear("payment.canceled", payment)

    def capture(self, payment_id: str, kopecks: int | None) -> Payment:
        """Take held money, None for all. Raises ShopError."""
        payment = self._held(payment_id)
        if kopecks is not None and kopecks > payment.asked.kopecks:
            raise bad_request("amount.value", "Amount is greater than the payment's")
        self.take(payment, payment.asked.kopecks if kopecks is None else kopecks)
        return payment

    def cancel(self, payment_id: str) -> Payment:
        """Let held money go. Raises ShopError."""
        payment = self._held(payment_id)
        self.stop(payment, "canceled_by_merchant", "merchant")
        return payment

    def _held(self, payment_id: str) -> Payment:
        payment = self.payment(payment_id)
        if payment.status != WAITING_FOR_CAPTURE:
            raise bad_request("payment_id", f"Payment is in status {payment.status}")
        return payment

    def payment(self, payment_id: str) -> Payment:
        """Return a payment as it now is. Raises ShopError."""
        self.expire()
        if payment_id not in self.payments:
            raise missing("payment", payment_id)
        return self.payments[payment_id]

    def refund(self, asked: RefundAsked) -> Refund:
        """Give money back, at once or later. Raises ShopError."""
        payment = self.payment(asked.payment_id)
        if payment.status != SUCCEEDED:
            raise bad_request("payment_id", "Payment cannot be refunded")
        if asked.kopecks > payment.taken - payment.returned - self._promised(payment):
            raise bad_request("amount.value", "Refund amount is greater than what is left")
        now = utc_now()
        refund = Refund(new_id(now), asked, now)
        self.refunds[refund.refund_id] = refund
        if self.behaviour.refund != PENDING:
            self.finish(refund, self.behaviour.refund)
        return refund

    def _promised(self, payment: Payment) -> int:
        return sum(
            each.asked.kopecks
            for each in self.refunds.values()
            if each.status == PENDING and each.asked.payment_id == payment.payment_id
        )

    def finish(self, refund: Refund, outcome: str) -> None:
        """End a refund: "succeeded", "canceled" or a reason. Raises ValueError when it ended."""
        if refund.status != PENDING:
            raise ValueError(f"refund {refund.refund_id} is {refund.status}")
        if outcome != SUCCEEDED:
            refund.status = CANCELED
            refund.reason = GENERAL if outcome == CANCELED else outcome
            return  # the vendor tells nobody of a canceled refund
        refund.status = SUCCEEDED
        self.payments[refund.asked.payment_id].returned += refund.asked.kopecks
        self._register(refund.asked.receipt, "refund", refund.refund_id)
        self.hear("refund.succeeded", refund)

    def expire(self) -> None:
        """End what waited too long for its payer or its shop."""
        now = utc_now()
        for payment in list(self.payments.values()):
            if payment.ends_at is not None and now >= payment.ends_at:
                self.let_expire(payment)

    def let_expire(self, payment: Payment) -> None:
        """End a payment as one that waited too long. Raises ValueError when it ended."""
        if payment.status not in {PENDING, WAITING_FOR_CAPTURE}:
            raise ValueError(f"payment {payment.payment_id} is {payment.status}")
        is_held = payment.status == WAITING_FOR_CAPTURE
        self.stop(payment, "expired_on_capture" if is_held else "expired_on_confirmation")

    def _register(self, receipt: Mapping[str, Any] | None, kind: str, owner: str) -> None:
        if receipt is not None:
            kept = {"id": f"rt-{new_id(utc_now())}", "status": SUCCEEDED, **receipt}
            self.receipts.append({**kept, "type": kind, f"{kind}_id": owner})

    def found_refund(self, refund_id: str) -> Refund:
        """Return a refund. Raises ShopError."""
        if refund_id not in self.refunds:
            raise missing("refund", refund_id)
        return self.refunds[refund_id]


def new_id(at: datetime) -> str:
    """Return an id that looks like the vendor's: 36 characters, the time first."""
    end = f"{8 + secrets.randbelow(4):x}{secrets.token_hex(2)[:3]}-{secrets.token_hex(6)}"
    return f"{int(at.timestamp()) & 0xFFFFFFFF:08x}-000f-5000-{end}"


Answer = dict[str, Any]


@dataclass(slots=True)
class Keys:
    """The keys that were used, and what each call was answered with."""

    _used: dict[str, tuple[str, Answer, datetime]] = field(default_factory=dict)

    def answer(
        self, key: str, call: Mapping[str, Any], life_s: float, act: Callable[[], Answer]
    ) -> Answer:
        """Return what the call was answered with, acting only for the first of a key.

        Raises ShopError when the key was used for another call.
        """
        now, asked = utc_now(), _digest(call)
        known = self._used.get(key)
        if known is not None and now < known[2] + timedelta(seconds=life_s):
            if known[0] != asked:
                raise bad_request("Idempotence-Key", "Idempotence key duplicated")
            return known[1]
        answer = act()
        self._used[key] = (asked, answer, now)
        return answer

    def as_json(self) -> dict[str, Any]:
        """Return the keys as `recall` reads them."""
        used = self._used.items()
        return {key: [asked, answer, iso(at)] for key, (asked, answer, at) in used}

    def recall(self, told: Mapping[str, Any]) -> None:
        """Take over keys that were used before."""
        for key, (asked, answer, at) in told.items():
            self._used[key] = (asked, answer, from_iso(at))


def _digest(call: Mapping[str, Any]) -> str:
    said = json.dumps(call, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()


_TIMES = ("created_at", "captured_at", "ends_at")


class Memory:
    """The file of one shop; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, shop: Shop, keys: Keys) -> None:
        self._path = None if folder is None else folder / "shop.json"
        self._shop = shop
        self._keys = keys

    def recall(self) -> None:
        """Give the shop back what it was."""
        if self._path is None or not self._path.exists():
            return
        said = json.loads(self._path.read_text(encoding="utf-8"))
        shop = self._shop
        for each in said["payments"]:
            payment = Payment(**{**_timed(each), "asked": PaymentAsked(**each["asked"])})
            shop.payments[payment.payment_id] = payment
        for each in said["refunds"]:
            refund = Refund(**{**_timed(each), "asked": RefundAsked(**each["asked"])})
            shop.refunds[refund.refund_id] = refund
        shop.methods.update({each["method_id"]: Method(**each) for each in said["methods"]})
        shop.receipts.extend(said["receipts"])
        self._keys.recall(said["keys"])

    def keep(self) -> None:
        """Write down what the shop is."""
        if self._path is None:
            return
        shop = self._shop
        told = {
            "payments": [asdict(each) for each in shop.payments.values()],
            "refunds": [asdict(each) for each in shop.refunds.values()],
            "methods": [asdict(each) for each in shop.methods.values()],
            "receipts": shop.receipts,
            "keys": self._keys.as_json(),
        }
        said = json.dumps(told, ensure_ascii=False, default=_written)
        durable_files.write_durably(
            self._path, lambda path: path.write_text(said, encoding="utf-8")
        )


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _timed(told: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: from_iso(told[name]) for name in _TIMES if told.get(name)}
    return {**told, **times}
