r"""Purchase: one order of one plan by one person, from the first tap to the last refund.

    created -> asking -> pending -> [held] -> paid -> refunded in part -> refunded
                 |          |          \-> canceled
                 \-(again)--/----------> canceled | expired

The row is committed before anything is asked outside, and its id is the key that is asked under,
so asking again is the same order. States have ranks: what comes late or twice never goes back.
Money that comes for an order that was given up is taken as what it is: the order is paid; and one
of which all went back, and that is paid once more, is refunded in part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from merlin.billing.amount import Amount
from merlin.billing.plan import Format, Plan

ID_LENGTH = 32


class Till(StrEnum):
    """Who takes the money; the values are what is stored."""

    STARS = "stars"
    YOOKASSA = "yookassa"


class PurchaseState(StrEnum):
    """Where a purchase stands; the values are what is stored."""

    CREATED = "created"
    ASKING = "asking"
    PENDING = "pending"
    HELD = "held"
    CANCELED = "canceled"
    EXPIRED = "expired"
    PAID = "paid"
    REFUNDED_IN_PART = "refunded-in-part"
    REFUNDED = "refunded"

    @property
    def rank(self) -> int:
        """Return how far this is; a purchase never goes to a lower one."""
        return _RANKS[self]

    @property
    def is_open(self) -> bool:
        """Return whether the purchase waits to be paid."""
        return self.rank < _RANKS[PurchaseState.CANCELED]

    @property
    def is_unpaid(self) -> bool:
        """Return whether the purchase is open and no money lies there for it."""
        return self.rank < _RANKS[PurchaseState.HELD]

    @property
    def is_paid(self) -> bool:
        """Return whether money came, whatever became of it later."""
        return self.rank >= _RANKS[PurchaseState.PAID]


_RANKS = {
    PurchaseState.CREATED: 0,
    PurchaseState.ASKING: 1,
    PurchaseState.PENDING: 2,
    PurchaseState.HELD: 3,
    PurchaseState.CANCELED: 4,
    PurchaseState.EXPIRED: 4,
    PurchaseState.PAID: 5,
    PurchaseState.REFUNDED_IN_PART: 6,
    PurchaseState.REFUNDED: 7,
}
# For how long a till is asked about an order that nobody paid.
LOOKED_FOR = timedelta(days=3)
# After what time a silent till is asked again; then once in the last of them.
LOOKS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=6),
)


@dataclass(frozen=True, slots=True)
class Promise:
    """What is bought, as it was offered: it holds when the config says something else by then."""

    plan: str
    title: Mapping[str, str]
    days: int | None = None
    pack: Mapping[Format, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return plain values; `read_promise` reads them."""
        pack = {kind.value: amount for kind, amount in self.pack.items()}
        return {"plan": self.plan, "title": dict(self.title), "days": self.days, "pack": pack}


def promise_of(plan: Plan) -> Promise:
    """Return what buying a plan promises now."""
    return Promise(plan.name, dict(plan.title), plan.offer.days, dict(plan.offer.pack))


def read_promise(said: Mapping[str, Any]) -> Promise:
    """Return what `Promise.as_json` wrote."""
    pack = {Format(kind): int(amount) for kind, amount in said["pack"].items()}
    return Promise(said["plan"], dict(said["title"]), said["days"], pack)


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants to buy; `contact` is where a receipt goes, "" for none.

    `promo` is the code that made it cheaper. `keeps_method`: they let the plan renew itself by
    what they pay with. `renewal_id` names the renewal that this order is made for.
    """

    user_id: int
    till: Till
    promise: Promise
    amount: Amount
    is_test: bool = False
    contact: str = ""
    promo: str = ""
    keeps_method: bool = False
    renewal_id: int | None = None


@dataclass(frozen=True, slots=True)
class Purchase:
    """One order as it stands; `purchase_id` is also its key at the till.

    `outside_id` is the till's own id of the payment, `pay_url` where it is paid, `reason` the
    till's word for why it was canceled; "" for none. `asked_at` is when the till was asked last,
    `look_at` when it is asked next, None for never. The person is 0 once they have left.
    """

    purchase_id: str
    order: Order
    state: PurchaseState
    created_at: datetime
    expires_at: datetime
    outside_id: str = ""
    pay_url: str = ""
    reason: str = ""
    asked_at: datetime | None = None
    look_at: datetime | None = None
    looks: int = 0

    @property
    def user_id(self) -> int:
        """Return whose it is, 0 for nobody's any more."""
        return self.order.user_id

    def may_be_paid(self, now: datetime) -> bool:
        """Return whether it waits to be paid and is not too old."""
        return self.state.is_open and now < self.expires_at


def next_look(looks: int) -> timedelta:
    """Return how long to wait before the look after so many."""
    return LOOKS[min(looks, len(LOOKS) - 1)]


class Purchases(Protocol):
    """Where purchases are kept; each method is a transaction, or a part of one that runs."""

    def order(self, order: Order, lasts: timedelta, key: str = "") -> Purchase:
        """Store an order and return it, or the open one that is the same in everything.

        So a button pressed twice buys once. With a `key` there is one for it, whatever its state.
        """

    def get(self, purchase_id: str) -> Purchase:
        """Return a purchase. Raises NotFound."""

    def of(self, user_id: int, limit: int = 50) -> list[Purchase]:
        """Return somebody's purchases, newest first."""

    def newest(self, limit: int = 50, before: str = "", state: str = "") -> list[Purchase]:
        """Return everybody's purchases, newest first; those after a purchase, of a state."""

    def by_outside(self, till: Till, outside_id: str) -> Purchase | None:
        """Return the purchase of a till's payment, None for an unknown one."""

    def give_up(
        self, purchase_id: str, state: PurchaseState, reason: str = "", *, is_closed: bool = False
    ) -> bool:
        """End an open purchase as canceled or expired; False for one that is not open.

        `is_closed`: the till takes no money for it any more. Then nobody looks at it again, and the
        use of its code is free; also where it was given up before.
        """


class Asking(Protocol):
    """The same rows as whoever asks the till works on them; every change is conditional."""

    def asking(self, purchase_id: str, at: datetime, patience: timedelta) -> bool:
        """Note that the till is asked now; False when another asked within `patience`."""

    def pending(self, purchase_id: str, outside_id: str, pay_url: str, look_at: datetime) -> bool:
        """Note what the till said; False when the purchase is further already."""

    def held(self, purchase_id: str) -> bool:
        """Note that the money is held; False when the purchase is further already."""

    def is_due(self, now: datetime) -> bool:
        """Return whether `due` would find any; reads alone, so it holds up no writer."""

    def due(self, now: datetime, limit: int = 20) -> list[Purchase]:
        """Return the purchases to look at, and move the next look of each on: nobody else looks."""

    def look(self, purchase_id: str, at: datetime) -> bool:
        """Let the next look be at `at` where it would be later."""

    def look_at_all(self, at: datetime) -> None:
        """Let the next look at every purchase be at `at` where it would be later."""
