"""A stand-in of YooKassa in a thread, on a port of its own, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from merlin.sandbox.server import StandIn
from merlin.sandbox.web import ApiCall
from merlin.sandbox.yookassa.requests import RefundRequest, ShopError, money, parse
from merlin.sandbox.yookassa.server import KEY, SHOP_ID, ShopApp, ShopSettings, notification
from merlin.sandbox.yookassa.shop import Json


class YooKassaStandIn(StandIn):
    """YooKassa, as far as a client can tell; `with YooKassaStandIn() as shop:`.

    `stop` and `start` again is YooKassa down and back: same port, same payments. Wherever a
    payment is named, its own id or that of the purchase it is for will do.
    """

    def __init__(self) -> None:
        self.shop_id, self.key = SHOP_ID, KEY
        self._app = ShopApp(ShopSettings())
        self._shop, self.faults = self._app.shop, self._app.faults
        super().__init__(lambda: self._app)

    @property
    def base_url(self) -> str:
        """Return what `payments.yookassa.base_url` is set to."""
        return f"http://127.0.0.1:{self.port}/v3"

    def behave(self, **fields: Any) -> None:
        """Change the behaviour from now on, by its field names. Raises ValueError, TypeError."""
        self._read(lambda: self._app.behave(fields))

    def notify_to(self, url: str) -> None:
        """Post notifications to an address from now on; "" nowhere."""
        self._app.notifier.url = url

    def choose(self, which: str, outcome: str, reason: str = "") -> Json:
        """End a payment as a payer would; return it. Raises NotFound, ValueError."""
        return self._read(lambda: self._shop.choose(which, outcome, reason))

    def refund(self, which: str, value: str | None = None) -> Json:
        """Give money back by the shop's own cabinet: "100.00", None for all that is left."""

        def act() -> Json:
            payment = self._shop.find(which)
            amount = money(payment.taken - payment.returned)
            amount = amount if value is None else {**amount, "value": value}
            body = {"payment_id": payment.payment_id, "amount": amount}
            try:
                return self._shop.refund(parse(RefundRequest, body)).as_json()
            except ShopError as error:
                raise ValueError(str(error)) from error

        return self._read(act)

    def finish_refund(self, refund_id: str, outcome: str) -> Json:
        """End a refund that is under way: "succeeded" or a reason."""
        return self._read(lambda: self._shop.finish_refund(refund_id, outcome))

    def revoke(self, method_id: str) -> None:
        """Let a saved method be one no more."""
        self._read(lambda: self._shop.revoke(method_id))

    def payments(self) -> list[Json]:
        """Return every payment that was really made, oldest first."""
        return self._read(lambda: [each.as_json() for each in self._shop.payments()])

    def payment(self, which: str) -> Json:
        """Return one payment. Raises NotFound."""
        return self._read(lambda: self._shop.find(which).as_json())

    def refunds(self) -> list[Json]:
        """Return every refund, oldest first."""
        return self._read(lambda: [each.as_json() for each in self._shop.state.refunds.values()])

    def receipts(self) -> list[Json]:
        """Return every receipt that was registered, oldest first."""
        return self._read(lambda: list(self._shop.state.receipts))

    def calls(self, name: str = "") -> list[ApiCall]:
        """Return the calls, oldest first; all, or those of one name ("payments.create")."""
        return self._read(lambda: [one for one in self._app.calls if name in {"", one.name}])

    def notify(self, which: str, event: str = "", times: int = 1) -> list[int]:
        """Post a notification of a payment (again); return the statuses. "" is the true event."""
        payment = self.payment(which)
        note = notification(event or f"payment.{payment['status']}", payment)
        return [self.forge(note) for _ in range(times)]

    def forge(self, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> int:
        """Post any body to the address; return the status that it was answered with, 0: none."""
        return self.run(self._app.notifier.post(body, headers))
