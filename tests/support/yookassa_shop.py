"""What YooKassa's stand-in leaves out: receipts, refunds that wait or fail."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from merlin.core.errors import NotFound
from merlin.sandbox.yookassa.shop import (
    CANCELED,
    PENDING,
    SUCCEEDED,
    Json,
    Payment,
    Refund,
    Shop,
)
from tests.support.yookassa_requests import PaymentRequest, RefundRequest, check_body


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens automatically.

    `outcome` is how a new payment ends: "" waits for the payer, else "paid", "declined" or a
    decline reason. `refund` is the same for a refund ("pending": stays open). `notifications` are
    posted at once or never. With `keeps_keys` off no Idempotence-Key is known again.
    """

    outcome: str = ""
    refund: str = SUCCEEDED
    notifications: Literal["at-once", "never"] = "at-once"
    is_test: bool = True
    keeps_keys: bool = True


@dataclass(slots=True)
class BehavingShop(Shop):
    """A shop that does what a test says; its receipts are kept in memory."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    receipts: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Post events only where the behaviour allows it."""
        Shop.__post_init__(self)
        post = self.on_change

        def post_if_allowed(event: str, subject: Json) -> None:
            if self.behaviour.notifications == "at-once":
                post(event, subject)

        self.on_change = post_if_allowed

    def answer_once(self, key: str, request: Json, act: Callable[[], Json]) -> Json:
        """Answer as YooKassa does, or as if the key had expired."""
        if not self.behaviour.keeps_keys:
            self.state.keys.pop(key, None)
        return Shop.answer_once(self, key, request, act)

    def create(self, request: Json, pages: str) -> Payment:
        """Create a payment, and end it where the behaviour says how. Raises ShopError."""
        check_body(PaymentRequest, request)
        payment = Shop.create(self, request, pages)
        payment.is_test = self.behaviour.is_test
        if self.behaviour.outcome:
            self.choose(payment, self.behaviour.outcome)
        return payment

    def find(self, reference: str) -> Payment:
        """Return a payment by its id, or the newest of a purchase. Raises NotFound."""
        if reference in self.state.payments:
            return self.state.payments[reference]
        for payment in reversed(self.state.payments.values()):
            if payment.request.get("metadata", {}).get("purchase") == reference:
                return payment
        raise NotFound(f"no payment {reference}")

    def take(self, payment: Payment) -> None:
        """Take the money, and register the receipt."""
        self._register_receipt(payment.request, payment_id=payment.payment_id)
        Shop.take(self, payment)

    def refund(self, request: Json) -> Refund:
        """Refund a payment. Raises ShopError."""
        check_body(RefundRequest, request)
        return Shop.refund(self, request)

    def give_back(self, refund: Refund) -> None:
        """Finish a refund as the behaviour says."""
        if self.behaviour.refund != PENDING:
            self.finish_refund(refund.refund_id, self.behaviour.refund)

    def finish_refund(self, refund_id: str, outcome: str) -> Json:
        """Finish a pending refund: "succeeded" or a cancellation reason. Raises ShopError."""
        refund = self.find_refund(refund_id)
        if outcome != SUCCEEDED:
            refund.status = CANCELED
            refund.reason = outcome
            return (
                refund.as_json()
            )  # YooKassa sends no notification of a canceled refund
        self._register_receipt(refund.request, refund_id=refund.refund_id)
        Shop.give_back(self, refund)
        return refund.as_json()

    def _register_receipt(self, request: Json, **owner: str) -> None:
        if receipt := request.get("receipt"):
            self.receipts.append({**receipt, **owner})
