r"""A purchase: one order of one plan by one person, from the first tap to the last refund.

    created -> asking -> pending -> [held] -> paid -> refunded in part -> refunded
                 |          |          \-> canceled
                 \-(again)--/----------> canceled | expired

The row is committed before anything is asked outside, and its id is the key that is asked under,
so asking again is the same order. States have ranks: what comes late or twice never goes back.
Money that comes for an order that was given up is taken as what it is: the order is paid; and one
of which all went back, and that is paid once more, is refunded in part.

Every change of a state is an UPDATE that names the states it may come from, so of two that meet
one happens.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from merlin.billing.quota import Format, Plan
from merlin.core.clock import from_iso, iso
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import language_of
from merlin.core.money import Amount
from merlin.db.database import Repository, Row, lock_user, transaction
from merlin.db.tables import PROMO_USE, PURCHASE
from merlin.db.values import RowMap, dump_time, storable_text
from merlin.providers.payments import Gateway

ID_LENGTH = 32
# By so many first digits people name an order.
_NUMBER_LENGTH = 8
_MAX_USER_LENGTH = 18


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
# For how long a gateway is asked about an order that nobody paid.
LOOKED_FOR = timedelta(days=3)
# After what time a silent gateway is asked again; then once in the last of them.
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

    def titled(self, language: str) -> str:
        """Return its title in a language, the plan's name where it has none there."""
        return self.title.get(language_of(language), self.plan)

    def as_json(self) -> dict[str, Any]:
        """Return plain values; `read_promise` reads them."""
        pack = {kind.value: amount for kind, amount in self.pack.items()}
        return {"plan": self.plan, "title": dict(self.title), "days": self.days, "pack": pack}


def promise_of(plan: Plan) -> Promise:
    """Return what buying a plan promises now."""
    return Promise(plan.name, dict(plan.title.items()), plan.days, plan.questions)


def read_promise(values: Mapping[str, Any]) -> Promise:
    """Return what `Promise.as_json` wrote."""
    pack = {Format(kind): int(amount) for kind, amount in values["pack"].items()}
    return Promise(values["plan"], dict(values["title"]), values["days"], pack)


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants to buy; `contact` is where a receipt goes, "" for none.

    `promo` is the code that made it cheaper. `keeps_method`: they let the plan renew itself by
    what they pay with. `renewal_id` names the renewal that this order is made for.
    """

    user_id: int
    gateway: Gateway
    promise: Promise
    amount: Amount
    is_test: bool = False
    contact: str = ""
    promo: str = ""
    keeps_method: bool = False
    renewal_id: int | None = None


@dataclass(frozen=True, slots=True)
class Purchase:
    """One order as it stands; `purchase_id` is also its key at the gateway.

    `outside_id` is the gateway's own id of the payment, `pay_url` where it is paid, `reason` the
    gateway's word for why it was canceled; "" for none. `asked_at` is when the gateway was asked
    last, `look_at` when it is asked next, None for never. The person is 0 once they have left.
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
    def number(self) -> str:
        """Return what people call it by: "4f7a1b2c"."""
        return order_number(self.purchase_id)

    @property
    def user_id(self) -> int:
        """Return whose it is, 0 for nobody's any more."""
        return self.order.user_id

    def may_be_paid(self, now: datetime) -> bool:
        """Return whether it waits to be paid and is not too old."""
        return self.state.is_open and now < self.expires_at


def _named(text: str) -> Any:
    """Return the condition of the orders of this person, or of this number."""
    if text.isascii() and text.isdigit() and len(text) <= _MAX_USER_LENGTH:
        condition = PURCHASE.user_id == int(text)
    else:
        condition = PURCHASE.id == ""
    return condition | _numbered(text) if len(text) >= _NUMBER_LENGTH else condition


def _numbered(number: str) -> Any:
    """Return the condition of the orders whose id begins so."""
    return PURCHASE.id.between(number, f"{number}g")


def order_number(purchase_id: str) -> str:
    """Return the first digits of an order's id, enough for a person to name it."""
    return purchase_id[:_NUMBER_LENGTH]


def next_poll_delay(looks: int) -> timedelta:
    """Return how long to wait before the look after so many."""
    return LOOKS[min(looks, len(LOOKS) - 1)]


_PURCHASES = RowMap(
    Purchase,
    columns={"purchase_id": "id", "gateway": "till"},
    sealed=PURCHASE.sealed,
    json={"promise": read_promise},
)
_OPEN = tuple(state.value for state in PurchaseState if state.is_open)
_UNASKED = (PurchaseState.CREATED.value, PurchaseState.ASKING.value)
_GIVEN_UP = (PurchaseState.CANCELED.value, PurchaseState.EXPIRED.value)
_MAX_REASON_LENGTH = 100
# More unpaid orders than anybody means to have.
MAX_OPEN = 20


class Purchases(Repository):
    """One row an order; where a receipt goes is sealed."""

    @transaction
    def order(self, order: Order, lasts: timedelta, key: str = "") -> Purchase:
        """Store an order and return it, or the open one that is the same in everything.

        So a button pressed twice buys once. With a `key` there is one for it, whatever its state.
        Raises Refused for somebody who has too many orders open.
        """
        lock_user(self.db, order.user_id, self._clock)
        order = replace(
            order, contact=storable_text(order.contact), promo=storable_text(order.promo)
        )
        now = self._clock()
        if key:
            purchase_id = sha256(key.encode()).hexdigest()[:ID_LENGTH]
        else:
            purchase_id = secrets.token_hex(ID_LENGTH // 2)
            rows = self.db.rows(_of(order.user_id).where(PURCHASE.state.in_(_OPEN)))
            found = _PURCHASES.read_all(rows, self.db)
            waiting = [each for each in found if each.may_be_paid(now)]
            for same in waiting:
                if same.order == order:
                    return same
            if len(waiting) >= MAX_OPEN:
                raise Refused(f"{len(waiting)} open orders", "billing-too-many")
        ends = now + lasts
        new = Purchase(purchase_id, order, PurchaseState.CREATED, now, ends, look_at=ends)
        row = {**_PURCHASES.write(new, self.db), "plan": order.promise.plan}
        self.db.add_new(PURCHASE, row)
        return self.get(purchase_id)

    def get(self, purchase_id: str) -> Purchase:
        """Return a purchase. Raises NotFound."""
        missing = NotFound(f"no purchase {purchase_id}", "billing-no-purchase")
        query = PURCHASE.select().where(PURCHASE.id == storable_text(purchase_id))
        return _PURCHASES.read(self.db.one(query, missing), self.db)

    def find(self, text: str) -> Purchase:
        """Return the purchase of an id or of a number, with or without its sign.

        Raises NotFound, Refused for a number that several have.
        """
        named = storable_text(text).strip("№# ").lower()
        if len(named) == _NUMBER_LENGTH:
            query = PURCHASE.select().where(_numbered(named)).order_by(PURCHASE.id)
            found = _PURCHASES.read_all(self.db.rows(query.limit(2)), self.db)
            if len(found) > 1:
                raise Refused(f"several purchases {named}", "billing-several", number=named)
            if found:
                return found[0]
        return self.get(named)

    def of(self, user_id: int, limit: int = 50) -> list[Purchase]:
        """Return somebody's purchases, newest first."""
        return _PURCHASES.read_all(self.db.rows(_of(user_id).limit(limit)), self.db)

    def with_code(self, user_id: int, code: str) -> list[Purchase]:
        """Return somebody's unpaid purchases that hold a code, newest first."""
        mine = self.of(user_id)
        return [each for each in mine if each.order.promo == code and each.state.is_unpaid]

    def newest(
        self, limit: int = 50, before: str = "", state: str = "", whose: str = ""
    ) -> list[Purchase]:
        """Return purchases, newest first: those after one, of a state, of a person.

        `whose` is the person's id or the order's number, with or without its sign.
        """
        query = PURCHASE.select().order_by(PURCHASE.created_at.desc(), PURCHASE.id.desc())
        if before:
            at = iso(self.get(before).created_at)
            is_older = (PURCHASE.created_at == at) & (PURCHASE.id < before)
            query = query.where((PURCHASE.created_at < at) | is_older)
        if state:
            query = query.where(PURCHASE.state == state)
        if whose:
            query = query.where(_named(whose.strip("№# ").lower()))
        return _PURCHASES.read_all(self.db.rows(query.limit(limit)), self.db)

    def by_outside(self, gateway: Gateway, outside_id: str) -> Purchase | None:
        """Return the purchase of a gateway's payment, None for an unknown one."""
        if not outside_id:
            return None
        condition = (PURCHASE.till == gateway.value) & (
            PURCHASE.outside_id == storable_text(outside_id)
        )
        row = self.db.row(PURCHASE.select().where(condition))
        return None if row is None else _PURCHASES.read(row, self.db)

    @transaction
    def give_up(
        self, purchase_id: str, state: PurchaseState, reason: str = "", *, is_closed: bool = False
    ) -> bool:
        """End an open purchase as canceled or expired; False for one that is not open.

        `is_closed`: the gateway takes no money for it any more. Then nobody looks at it again, and
        the use of its code is free; also where it was given up before.
        """
        values = {"state": state.value, "reason": storable_text(reason)[:_MAX_REASON_LENGTH]}
        condition = PURCHASE.id == storable_text(purchase_id)
        was_open = (
            self.db.change(PURCHASE.update(values).where(condition & PURCHASE.state.in_(_OPEN))) > 0
        )
        # A payment that was begun may still be made: it is looked at for a while. In Stars nothing
        # is begun: Telegram asks us at the moment of paying.
        is_over = PURCHASE.asked_at.is_null() | (PURCHASE.till == Gateway.STARS.value)
        these = condition & PURCHASE.state.in_(_GIVEN_UP)
        these = these if is_closed else these & is_over
        self.db.change(PURCHASE.update({"look_at": None}).where(these))
        self._free_use(purchase_id)
        return was_open

    def _free_use(self, purchase_id: str) -> None:
        """Free the use of a code that an order holds once nobody can pay the order.

        Another order of the same person with the same code may still be paid: then it holds it.
        """
        row = self.db.row(PURCHASE.select().where(PURCHASE.id == storable_text(purchase_id)))
        if row is None or not row["promo"] or row["state"] not in _GIVEN_UP or row["look_at"]:
            return
        is_begun = PURCHASE.state.in_(_GIVEN_UP) & PURCHASE.look_at.is_null(is_null=False)
        mine = (PURCHASE.user_id == row["user_id"]) & (PURCHASE.promo == row["promo"])
        mine &= PURCHASE.state.in_(_OPEN) | is_begun
        other = self.db.value(PURCHASE.select(PURCHASE.id).where(mine).limit(1))
        condition = PROMO_USE.purchase_id == row["id"]
        if other is None:
            self.db.change(PROMO_USE.delete().where(condition))
        else:
            self.db.change(PROMO_USE.update({"purchase_id": other}).where(condition))

    @transaction
    def claim_call(self, purchase_id: str, at: datetime, patience: timedelta) -> bool:
        """Note that the gateway is asked now; False when another asked within `patience`."""
        is_free = PURCHASE.asked_at.is_null() | (PURCHASE.asked_at <= iso(at - patience))
        # Nobody asked in the future: the clock was set back since.
        is_free |= PURCHASE.asked_at > iso(at + abs(patience))
        condition = (PURCHASE.id == purchase_id) & PURCHASE.state.in_(_UNASKED) & is_free
        values = {"state": PurchaseState.ASKING.value, "asked_at": iso(at)}
        values["look_at"] = iso(at + next_poll_delay(0))
        return self.db.change(PURCHASE.update(values).where(condition)) > 0

    @transaction
    def pending(self, purchase_id: str, outside_id: str, pay_url: str, look_at: datetime) -> bool:
        """Note what the gateway said; False when the purchase is further already."""
        condition = PURCHASE.id == purchase_id
        values = {"outside_id": storable_text(outside_id), "pay_url": storable_text(pay_url)}
        # Also of one that was given up in between: what is paid late is known by it, and found.
        values["look_at"] = iso(look_at)
        self.db.change(PURCHASE.update(values).where(condition & (PURCHASE.outside_id == "")))
        next_step = {"state": PurchaseState.PENDING.value, "look_at": iso(look_at), "looks": 0}
        is_before = PURCHASE.state.in_(_UNASKED)
        return self.db.change(PURCHASE.update(next_step).where(condition & is_before)) > 0

    @transaction
    def held(self, purchase_id: str) -> bool:
        """Note that the money is held; False when the purchase is further already."""
        before = [state.value for state in PurchaseState if state.rank < PurchaseState.HELD.rank]
        condition = (PURCHASE.id == purchase_id) & PURCHASE.state.in_(before)
        return (
            self.db.change(PURCHASE.update({"state": PurchaseState.HELD.value}).where(condition))
            > 0
        )

    def is_due(self, now: datetime) -> bool:
        """Return whether `due` would find any; reads alone, so it holds up no writer."""
        is_due = PURCHASE.look_at <= iso(now)
        return self.db.value(PURCHASE.select(PURCHASE.id).where(is_due).limit(1)) is not None

    @transaction
    def due(self, now: datetime, limit: int = 20) -> list[Purchase]:
        """Return the purchases to look at, and move the next look of each on: nobody else looks."""
        is_due = PURCHASE.look_at <= iso(now)
        # In one order everywhere, so that two who take the same rows never wait for each other.
        query = PURCHASE.select().where(is_due).order_by(PURCHASE.look_at, PURCHASE.id)
        rows = self.db.rows(query.limit(limit))
        return [_PURCHASES.read(row, self.db) for row in rows if self._is_mine(row, now)]

    def _is_mine(self, row: Row, now: datetime) -> bool:
        """Take one look; False where another process took it, or nobody looks any more."""
        looks, look_at = row["looks"] + 1, None
        ends = from_iso(row["expires_at"])
        if now <= max(from_iso(row["created_at"]) + LOOKED_FOR, ends + LOOKS[-1]):
            later = now + next_poll_delay(looks)
            # Also just when the order ends.
            look_at = min(later, ends) if now < ends else later
        values = {"looks": looks, "look_at": dump_time(look_at)}
        condition = (PURCHASE.id == row["id"]) & (PURCHASE.look_at == row["look_at"])
        if not self.db.change(PURCHASE.update(values).where(condition)):
            return False
        if look_at is None:
            self._free_use(row["id"])
        return True

    @transaction
    def look(self, purchase_id: str, at: datetime) -> bool:
        """Let the next look be at `at` where it would be later."""
        is_later = PURCHASE.look_at.is_null() | (PURCHASE.look_at > iso(at))
        condition = (PURCHASE.id == purchase_id) & is_later
        return self.db.change(PURCHASE.update({"look_at": iso(at)}).where(condition)) > 0

    @transaction
    def look_at_all(self, at: datetime) -> None:
        """Let the next look at every purchase be at `at` where it would be later."""
        is_later = PURCHASE.look_at > iso(at)
        self.db.change(PURCHASE.update({"look_at": iso(at)}).where(is_later))


def _of(user_id: int) -> Any:
    query = PURCHASE.select().where(PURCHASE.user_id == user_id)
    return query.order_by(PURCHASE.created_at.desc(), PURCHASE.id.desc())
