"""A stand-in of YooKassa in a thread, on a port of its own, for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from merlin.sandbox.deadlines import DEADLINE_S, Deadline
from merlin.sandbox.faults import Faults
from merlin.sandbox.server import StandIn
from merlin.sandbox.yookassa.objects import Told
from merlin.sandbox.yookassa.server import Counter, ShopApp, ShopCall, ShopSettings, counter_of
from merlin.sandbox.yookassa.shop import Behaviour

T = TypeVar("T")
LOOK_S = 0.01


class YooKassaStandIn(StandIn):
    """YooKassa, as far as a client can tell; `with YooKassaStandIn() as shop:`.

    `stop` and `start` again is YooKassa down and back: same port, same payments. Wherever a
    payment is named, its own id or that of the purchase it is for will do.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        shop_id: str = "100500",
        key: str = "test_stand-in",
        notify_url: str = "",
        port: int = 0,
        seed: int = 0,
    ) -> None:
        self.shop_id = shop_id
        self.key = key
        self.faults = Faults(seed=seed)
        wanted = behaviour or Behaviour()
        settings = ShopSettings(shop_id, key, notify_url, wanted, seed=seed)
        self._counter: Counter = counter_of(settings)
        super().__init__(lambda: ShopApp(settings, self._counter, self.faults), port)

    @property
    def base_url(self) -> str:
        """Return what `payments.yookassa.base_url` is set to."""
        return f"http://127.0.0.1:{self._server.port}/v3"

    def behave(self, **wishes: object) -> None:
        """Change the behaviour from now on, by its field names. Raises ValueError, TypeError."""
        shop = self._counter.acts.shop

        def change() -> None:
            shop.behaviour = shop.behaviour.changed(wishes)

        self._read(change)

    def notify_to(self, url: str) -> None:
        """Post notifications to an address from now on; "" nowhere."""
        self._counter.acts.post.url = url

    def choose(self, which: str, outcome: str, reason: str = "") -> Told:
        """End a payment as a payer would; return it. Raises NotFound, ValueError."""
        return self._read(lambda: self._counter.acts.choose(which, outcome, reason))

    def refund(self, which: str, value: str | None = None) -> Told:
        """Give money back by the shop's own cabinet: "100.00", None for all that is left."""
        return self._read(lambda: self._counter.acts.refund(which, value))

    def finish_refund(self, refund_id: str, outcome: str) -> Told:
        """End a refund that is under way: "succeeded", "canceled" or a reason."""
        return self._read(lambda: self._counter.acts.finish_refund(refund_id, outcome))

    def revoke(self, method_id: str) -> None:
        """Let a saved method be one no more."""
        self._read(lambda: self._counter.acts.revoke(method_id))

    def payments(self) -> list[Told]:
        """Return every payment that was really made, oldest first."""
        acts = self._counter.acts
        return self._read(lambda: [acts.told(each) for each in acts.shop.payments.values()])

    def payment(self, which: str) -> Told:
        """Return one payment. Raises NotFound."""
        return self._read(lambda: self._counter.acts.told(self._counter.acts.find(which)))

    def refunds(self) -> list[Told]:
        """Return every refund, oldest first."""
        acts = self._counter.acts
        return self._read(lambda: [acts.told(each) for each in acts.shop.refunds.values()])

    def receipts(self) -> list[Told]:
        """Return every receipt that was registered, oldest first."""
        return self._read(lambda: list(self._counter.acts.shop.receipts))

    def calls(self, name: str = "") -> list[ShopCall]:
        """Return the calls, oldest first; all, or those of one name ("payments.create")."""
        return self._read(lambda: [one for one in self._counter.calls if name in {"", one.name}])

    def notifications(self) -> list[dict[str, Any]]:
        """Return every post of a notification: at, event, id, url, status (0: no answer)."""
        return self._read(lambda: [one.as_json() for one in self._counter.acts.post.posted])

    def notify(self, which: str, event: str = "", times: int = 1) -> list[int]:
        """Post a notification of a payment or refund (again); return the statuses."""
        return self._server.run(self._counter.acts.notify(which, event, times))

    def release(self, order: str = "kept", times: int = 1) -> list[int]:
        """Post what is held: "kept", "reversed" or "shuffled"; return the statuses."""
        return self._server.run(self._counter.acts.post.release(order, times))

    def forge(self, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> int:
        """Post any body to the address; return the status that it was answered with, 0: none."""
        return self._server.run(self._counter.acts.post.post(body, headers))

    def wait_for(self, predicate: Callable[[], T], timeout_s: float = DEADLINE_S) -> T:
        """Return the first true value of `predicate`.

        `timeout_s` is for an idle machine. Raises TimeoutError that tells the last calls.
        """
        deadline = Deadline(timeout_s)
        while not (value := predicate()):
            if deadline.is_over():
                last = [(call.name, call.status) for call in self.calls()[-8:]]
                raise TimeoutError(f"not within {deadline.allowed_s:.1f} s; last calls: {last}")
            time.sleep(LOOK_S)
        return value
