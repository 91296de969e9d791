"""Acts: what the payer, the shop's cabinet and time do, by a test's or a person's wish.

A payment is named by its own id or by the purchase that it is for (`metadata.purchase`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from merlin.core.errors import NotFound
from merlin.sandbox.yookassa.behaviour import PAID, PENDING
from merlin.sandbox.yookassa.errors import ShopError
from merlin.sandbox.yookassa.objects import Told, payment_object, refund_object
from merlin.sandbox.yookassa.post import Post
from merlin.sandbox.yookassa.reading import RefundAsked, read_amount
from merlin.sandbox.yookassa.shop import DECLINED, GENERAL, Payment, Refund, Shop

SECURE_FAILED = "3d_secure_failed"
OUTCOMES = (PAID, DECLINED, "3ds-paid", "3ds-failed", "left", "expired")
# What a person may choose on the page; the vendor has more.
REASONS = (
    GENERAL,
    "insufficient_funds",
    "card_expired",
    "fraud_suspected",
    "invalid_csc",
    "issuer_unavailable",
    "payment_method_limit_exceeded",
)


class Acts:
    """Acts on one shop, and tells of it."""

    def __init__(self, shop: Shop, post: Post, account: str) -> None:
        self._shop = shop
        self._post = post
        self._account = account
        shop.hear = self._hear

    @property
    def shop(self) -> Shop:
        """Return the shop that is acted on."""
        return self._shop

    @property
    def post(self) -> Post:
        """Return what posts its notifications."""
        return self._post

    def _hear(self, event: str, thing: Payment | Refund) -> None:
        self._post.tell(event, self.told(thing), self._shop.behaviour)

    def told(self, thing: Payment | Refund) -> Told:
        """Return a payment or refund as the API tells it."""
        if isinstance(thing, Refund):
            return refund_object(thing)
        return payment_object(self._shop, thing, self._account)

    def find(self, which: str) -> Payment:
        """Return a payment by its id, or the newest of a purchase. Raises NotFound."""
        self._shop.expire()
        if which in self._shop.payments:
            return self._shop.payments[which]
        for payment in reversed(self._shop.payments.values()):
            if payment.asked.metadata.get("purchase") == which:
                return payment
        raise NotFound(f"no payment {which}")

    def choose(self, which: str, outcome: str, reason: str = "") -> Told:
        """End a payment as a payer would. Raises NotFound, ValueError when it ended before."""
        payment = self.find(which)
        if outcome not in OUTCOMES:
            raise ValueError(f"an outcome is one of {', '.join(OUTCOMES)}")
        if outcome == "expired":
            self._shop.let_expire(payment)
        elif outcome != "left":
            self._confirm(payment, outcome, reason)
        return self.told(payment)

    def _confirm(self, payment: Payment, outcome: str, reason: str) -> None:
        if payment.status != PENDING:
            raise ValueError(f"payment {payment.payment_id} is {payment.status}")
        payment.is_secured = outcome == "3ds-paid"
        ends = {"3ds-paid": PAID, "3ds-failed": SECURE_FAILED, PAID: PAID}
        self._shop.confirm(payment, ends.get(outcome, reason or DECLINED))

    def refund(self, which: str, value: str | None = None) -> Told:
        """Give money back by the shop's own cabinet; None: all. Raises NotFound, ValueError."""
        payment = self.find(which)
        left = payment.taken - payment.returned
        try:
            amount = {"value": value, "currency": "RUB"}
            kopecks = left if value is None else read_amount(amount, "amount")
            return self.told(self._shop.refund(RefundAsked(payment.payment_id, kopecks)))
        except ShopError as error:
            raise ValueError(str(error)) from error

    def finish_refund(self, refund_id: str, outcome: str) -> Told:
        """End a refund that is under way. Raises NotFound, ValueError."""
        if refund_id not in self._shop.refunds:
            raise NotFound(f"no refund {refund_id}")
        refund = self._shop.refunds[refund_id]
        self._shop.finish(refund, outcome)
        return self.told(refund)

    def revoke(self, method_id: str) -> None:
        """Let a saved method be one no more. Raises NotFound."""
        if method_id not in self._shop.methods:
            raise NotFound(f"no method {method_id}")
        self._shop.methods[method_id].is_alive = False

    async def notify(self, which: str, event: str = "", times: int = 1) -> list[int]:
        """Post a notification (again); "" is the true event. Raises NotFound."""
        thing = self._shop.refunds.get(which) or self.find(which)
        kind = "refund" if isinstance(thing, Refund) else "payment"
        note: Mapping[str, Any] = {
            "type": "notification",
            "event": event or f"{kind}.{thing.status}",
            "object": self.told(thing),
        }
        return [await self._post.post(note) for _ in range(times)]
