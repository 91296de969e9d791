r"""A purchase: one order of one plan by one person, from its creation to its last refund.

    created -> asking -> pending -> paid -> refunded in part -> refunded
                 |          |
                 \-(again)--/----------> canceled | expired

The row is committed before the gateway is called, and its id is the idempotency key of the call, so
a repeated call is the same order. States have ranks: a late or repeated event never sets a lower
one. If a payment arrives for an order that was canceled or has expired, the order is paid; a fully
refunded order that is paid once more is refunded in part.

Every change of state is an UPDATE with the allowed previous states as its condition, so of two
concurrent changes one is made.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from peewee import Case, fn

from merlin.billing.quota import Format, Plan
from merlin.core.clock import SKEW, from_iso, iso
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import language_of
from merlin.core.money import Amount
from merlin.db.database import Columns, Repository, Row, lock_user, transaction
from merlin.db.tables import LEDGER, PURCHASE
from merlin.db.values import RowMap, storable_text
from merlin.providers.payments import Gateway

ID_LENGTH = 32
# Length of an order number, the first digits of its id.
_NUMBER_LENGTH = 8
# Of a beginning that names an order, as of a commit in git.
_MIN_NUMBER_LENGTH = 4
_MAX_USER_LENGTH = 18


class PurchaseState(StrEnum):
    """The state of a purchase."""

    # The values are stored in the database.
    CREATED = "created"
    ASKING = "asking"
    PENDING = "pending"
    CANCELED = "canceled"
    EXPIRED = "expired"
    PAID = "paid"
    REFUNDED_IN_PART = "refunded-in-part"
    REFUNDED = "refunded"

    @property
    def rank(self) -> int:
        """Return the rank of the state; a purchase never goes to a lower one."""
        return _RANKS[self]

    @property
    def is_open(self) -> bool:
        """Return whether the purchase waits for payment."""
        return self.rank < _RANKS[PurchaseState.CANCELED]

    @property
    def is_unasked(self) -> bool:
        """Return whether the gateway has not been asked for its page."""
        return self.rank < _RANKS[PurchaseState.PENDING]

    @property
    def is_paid(self) -> bool:
        """Return whether it was paid, even if it was refunded later."""
        return self.rank >= _RANKS[PurchaseState.PAID]


_RANKS = {
    PurchaseState.CREATED: 0,
    PurchaseState.ASKING: 1,
    PurchaseState.PENDING: 2,
    PurchaseState.CANCELED: 3,
    PurchaseState.EXPIRED: 3,
    PurchaseState.PAID: 4,
    PurchaseState.REFUNDED_IN_PART: 5,
    PurchaseState.REFUNDED: 6,
}
# The gateway is polled this long for an order that was not paid.
POLL_DURATION = timedelta(days=3)
# A payment that nobody confirms within an hour is canceled by YooKassa.
PAYING = timedelta(hours=1)
# Pauses before a silent gateway is polled again; the last one is repeated.
POLL_DELAYS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=6),
)


@dataclass(frozen=True, slots=True)
class Promise:
    """The offer at the time of purchase; later changes of the configuration do not apply."""

    plan: str
    title: Mapping[str, str]
    days: int | None = None
    pack: Mapping[Format, int] = field(default_factory=dict)
    renews: bool = False

    def title_in(self, language: str) -> str:
        """Return its title in a language, the plan's name if there is none."""
        return self.title.get(language_of(language), self.plan)

    def as_json(self) -> dict[str, Any]:
        """Return JSON values, which `read_promise` reads."""
        pack = {kind.value: amount for kind, amount in self.pack.items()}
        return {
            "plan": self.plan,
            "title": dict(self.title),
            "days": self.days,
            "pack": pack,
            "renews": self.renews,
        }


def promise_of(plan: Plan, *, renews: bool = False) -> Promise:
    """Return the offer of a plan now, for a payment that renews or for a single one."""
    return Promise(
        plan.name, dict(plan.title.items()), plan.days, plan.questions, renews
    )


def read_promise(values: Mapping[str, Any]) -> Promise:
    """Return what `Promise.as_json` wrote."""
    pack = {Format(kind): int(amount) for kind, amount in values["pack"].items()}
    title = dict(values["title"])
    # Orders of before there were renewals say nothing of them.
    renews = values.get("renews", False)
    return Promise(values["plan"], title, values["days"], pack, renews)


@dataclass(frozen=True, slots=True)
class Order:
    """A purchase to place; `contact` receives the receipt, "" for none."""

    user_id: int
    gateway: Gateway
    promise: Promise
    amount: Amount
    is_test: bool = False
    contact: str = ""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One order; `purchase_id` is also its idempotency key at the gateway.

    `outside_id` is the gateway's own id of the payment, `pay_url` its payment page, `reason` the
    gateway's code of a cancellation; "" for none. `asked_at` is when the gateway was last called,
    `next_poll_at` when it is polled next, None for never. The person is 0 after a deletion of data.
    It has several `payments` if an invoice was paid twice.
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
    next_poll_at: datetime | None = None
    polls: int = 0
    payments: int = 0

    @property
    def amount(self) -> Amount:
        """Return what was paid for it in all, its price before that; each payment is the price."""
        return replace(
            self.order.amount, minor=self.order.amount.minor * max(self.payments, 1)
        )

    @property
    def number(self) -> str:
        """Return its display number: "4f7a1b2c"."""
        return order_number(self.purchase_id)

    @property
    def user_id(self) -> int:
        """Return the person, 0 if their data was deleted."""
        return self.order.user_id

    def may_be_paid(self, now: datetime) -> bool:
        """Return whether it waits for payment and has not expired."""
        return self.state.is_open and now < self.expires_at

    def state_at(self, now: datetime) -> PurchaseState:
        """Return the state; an unpaid order that is past its time counts as expired."""
        is_late = now >= self.expires_at and self.state.is_open
        return PurchaseState.EXPIRED if is_late else self.state


def _matches_reference(text: str) -> Any:
    """Return the condition of the orders of this person, or of this number."""
    if text.isascii() and text.isdigit() and len(text) <= _MAX_USER_LENGTH:
        condition = PURCHASE.user_id == int(text)
    else:
        condition = PURCHASE.id == ""
    # Ids are hexadecimal digits, and "g" follows "f".
    has_number = PURCHASE.id.between(text, f"{text}g")
    return condition | has_number if len(text) >= _NUMBER_LENGTH else condition


def order_number(purchase_id: str) -> str:
    """Return the first digits of an order's id, its number for people."""
    return purchase_id[:_NUMBER_LENGTH]


def next_poll_delay(polls: int, delays: Sequence[timedelta] = POLL_DELAYS) -> timedelta:
    """Return the pause before the next poll, after this many."""
    return delays[min(polls, len(delays) - 1)]


def waits_too_long(table: Any, now: datetime, delays: Sequence[timedelta]) -> Any:
    """Return the condition of rows whose next poll is further ahead than any after as many polls.

    It is due, as in `core.clock.is_waiting`: the clock was set back.
    """
    latest = [iso(now + delay + SKEW) for delay in delays]
    is_beyond = table.next_poll_at > Case(table.polls, [*enumerate(latest)], latest[-1])
    return (table.next_poll_at > min(latest)) & is_beyond  # the former by the index


_PURCHASES = RowMap(
    Purchase,
    columns={"purchase_id": "id"},
    sealed=PURCHASE.sealed,
    json={"promise": read_promise},
)
_OPEN = tuple(state.value for state in PurchaseState if state.is_open)
_UNASKED = tuple(state.value for state in PurchaseState if state.is_unasked)
_GIVEN_UP = (PurchaseState.CANCELED.value, PurchaseState.EXPIRED.value)
_MAX_REASON_LENGTH = 100
# Above any useful number of unpaid orders.
MAX_OPEN = 20


class Purchases(Repository):
    """One row for each order; the contact for the receipt is encrypted."""

    @transaction
    def order(self, order: Order, lasts: timedelta) -> Purchase:
        """Store an order and return it, or the open one with equal values.

        So a button pressed twice buys once. Raises Refused for a person with too many open orders.
        """
        lock_user(self.db, order.user_id, self._clock)
        order = replace(order, contact=storable_text(order.contact))
        now = self._clock()
        is_open = _select_purchases(order.user_id).where(PURCHASE.state.in_(_OPEN))
        purchases = _PURCHASES.read_all(self.db, is_open)
        waiting = [purchase for purchase in purchases if purchase.may_be_paid(now)]
        for existing in waiting:
            if existing.order == order:
                return existing
        if len(waiting) >= MAX_OPEN:
            raise Refused(f"{len(waiting)} open orders", "billing-too-many")
        purchase_id = secrets.token_hex(ID_LENGTH // 2)
        ends = now + lasts
        new = Purchase(
            purchase_id, order, PurchaseState.CREATED, now, ends, next_poll_at=ends
        )
        self.db.add_new(PURCHASE, _PURCHASES.write(new, self.db, but=("payments",)))
        return self.get(purchase_id)

    def get(self, purchase_id: str) -> Purchase:
        """Return a purchase. Raises NotFound."""
        missing = NotFound(f"no purchase {purchase_id}", "billing-no-purchase")
        query = _select().where(PURCHASE.id == storable_text(purchase_id))
        return _PURCHASES.read(self.db.get_row(query, missing), self.db)

    def find(self, number: str) -> Purchase:
        """Return the purchase whose id begins so, as people write it: "№ 4F7A1B2C".

        Raises NotFound, and Refused for the beginning of several.
        """
        beginning = storable_text(number).strip("№# ").lower()
        # Ids are hexadecimal digits, and "g" follows "f".
        begins = PURCHASE.id.between(beginning, f"{beginning}g")
        query = _select().where(begins).order_by(PURCHASE.id).limit(2)
        found = _PURCHASES.read_all(self.db, query)
        if len(found) > 1 and len(beginning) >= _MIN_NUMBER_LENGTH:
            ids = ", ".join(purchase.purchase_id for purchase in found)
            raise Refused("several orders", "billing-several-orders", orders=ids)
        is_one = len(found) == 1 and len(beginning) >= _MIN_NUMBER_LENGTH
        return found[0] if is_one else self.get(number)

    @transaction
    def assign(self, purchase_id: str, user_id: int) -> Purchase:
        """Assign an order whose person's data was deleted to the person who paid it; return it."""
        lock_user(self.db, user_id, self._clock)
        condition = (PURCHASE.id == purchase_id) & (PURCHASE.user_id == 0)
        self.db.update(PURCHASE, condition, user_id=user_id)
        return self.get(purchase_id)

    def list_of_user(
        self, user_id: int, limit: int = 50, before: str = ""
    ) -> list[Purchase]:
        """Return a person's purchases, newest first, after one. Raises NotFound for an unknown."""
        query = self._after(_select_purchases(user_id), before)
        return _PURCHASES.read_all(self.db, query.limit(limit))

    def _after(self, query: Any, before: str) -> Any:
        """Return a query, newest first, that begins after a purchase; "" for all."""
        if not before:
            return query
        at = iso(self.get(before).created_at)
        is_older = (PURCHASE.created_at == at) & (PURCHASE.id < before)
        return query.where((PURCHASE.created_at < at) | is_older)

    def list_newest(
        self,
        limit: int = 50,
        before: str = "",
        states: Sequence[str] = (),
        whose: str = "",
    ) -> list[Purchase]:
        """Return purchases, newest first: after one, of some states, of a person.

        `whose` is the person's id or the order's number, with or without its sign.
        """
        newest = _select().order_by(PURCHASE.created_at.desc(), PURCHASE.id.desc())
        query = self._after(newest, before)
        if states:
            query = query.where(PURCHASE.state.in_(states))
        if whose:
            query = query.where(_matches_reference(whose.strip("№# ").lower()))
        return _PURCHASES.read_all(self.db, query.limit(limit))

    def find_by_payment(
        self, outside_id: str, purchase_id: str = ""
    ) -> Purchase | None:
        """Return the purchase of a payment at YooKassa, else the one of this id, else None."""
        is_named = PURCHASE.id == storable_text(purchase_id)
        is_it = (PURCHASE.outside_id == storable_text(outside_id)) & (
            PURCHASE.outside_id != ""
        )
        is_paid = _only(is_it, Gateway.YOOKASSA)
        found = (
            _PURCHASES.find(self.db, _select().where(is_paid)) if outside_id else None
        )
        return found or _PURCHASES.find(self.db, _select().where(is_named))

    @transaction
    def end_unpaid(
        self,
        purchase_id: str,
        state: PurchaseState,
        reason: str = "",
        *,
        is_closed: bool = False,
    ) -> bool:
        """End an open purchase as canceled or expired; False for one that is not open.

        `is_closed`: the gateway no longer accepts money for it. Then it is no longer polled, also
        if it was canceled before.
        """
        values = {
            "state": state.value,
            "reason": storable_text(reason)[:_MAX_REASON_LENGTH],
        }
        condition = PURCHASE.id == storable_text(purchase_id)
        was_open = self.db.update(
            PURCHASE, condition & PURCHASE.state.in_(_OPEN), **values
        )
        # A payment that was started may still succeed: it is polled for a while. A Stars payment
        # is not started in advance: Telegram asks at the moment of payment.
        is_over = PURCHASE.asked_at.is_null() | (
            PURCHASE.gateway == Gateway.STARS.value
        )
        given_up = condition & PURCHASE.state.in_(_GIVEN_UP)
        given_up = given_up if is_closed else given_up & is_over
        self.db.update(PURCHASE, given_up, next_poll_at=None)
        return was_open

    @transaction
    def claim_call(self, purchase_id: str, at: datetime, ttl: timedelta) -> bool:
        """Store that the gateway is called now; False while another claim is younger than `ttl`."""
        # A claim of the future is of before the clock was set back.
        is_over = (PURCHASE.asked_at <= iso(at - ttl)) | (
            PURCHASE.asked_at > iso(at + ttl)
        )
        is_free = PURCHASE.asked_at.is_null() | is_over
        condition = (
            (PURCHASE.id == purchase_id) & PURCHASE.state.in_(_UNASKED) & is_free
        )
        values = {"state": PurchaseState.ASKING.value, "asked_at": iso(at)}
        values["next_poll_at"] = iso(at + next_poll_delay(0))
        return self.db.update(PURCHASE, condition, **values)

    @transaction
    def mark_pending(
        self, purchase_id: str, outside_id: str, pay_url: str, next_poll_at: datetime
    ) -> bool:
        """Store the gateway's answer; False if the purchase has a later state."""
        condition = PURCHASE.id == purchase_id
        values = {
            "outside_id": storable_text(outside_id),
            "pay_url": storable_text(pay_url),
        }
        # Also of a canceled one: a late payment is identified by it.
        values["next_poll_at"] = iso(next_poll_at)
        self.db.update(PURCHASE, condition & (PURCHASE.outside_id == ""), **values)
        next_step = {
            "state": PurchaseState.PENDING.value,
            "next_poll_at": iso(next_poll_at),
            "polls": 0,
        }
        is_before = PURCHASE.state.in_(_UNASKED)
        return self.db.update(PURCHASE, condition & is_before, **next_step)

    @transaction
    def advance(self, purchase_id: str, state: PurchaseState) -> bool:
        """Store a state; False if the purchase has this state or a later one."""
        before = [each.value for each in PurchaseState if each.rank < state.rank]
        condition = (PURCHASE.id == purchase_id) & PURCHASE.state.in_(before)
        # A canceled order that is paid after all has no reason of a cancellation any more.
        values: Columns = {"next_poll_at": None, "reason": ""} if state.is_paid else {}
        return self.db.update(PURCHASE, condition, state=state.value, **values)

    def is_due(self, now: datetime, only: Gateway | None = None) -> bool:
        """Return whether `claim_due` would return any; only reads, so it blocks no writer."""
        return self.db.has(PURCHASE, _is_due(now, only))

    @transaction
    def claim_due(
        self, now: datetime, limit: int = 20, only: Gateway | None = None
    ) -> list[Purchase]:
        """Return the purchases to poll; the next poll of each is postponed, so no other does."""
        # Locked in one order, so that two processes never deadlock.
        query = (
            PURCHASE.select()
            .where(_is_due(now, only))
            .order_by(PURCHASE.next_poll_at, PURCHASE.id)
        )
        rows = self.db.rows(query.limit(limit))
        return [self.get(row.id) for row in rows if self._claim_poll(row, now)]

    @transaction
    def resume(self) -> None:
        """Poll orders in payment at once: a try that ended with its process is none."""
        now = self._clock()
        is_fresh = PURCHASE.created_at > iso(now - PAYING)
        is_asked = (PURCHASE.state == PurchaseState.PENDING.value) & (
            PURCHASE.polls > 0
        )
        self.db.update(PURCHASE, is_asked & is_fresh, next_poll_at=iso(now), polls=0)

    def _claim_poll(self, row: Row, now: datetime) -> bool:
        """Claim one poll by postponing the next; False if another process has it."""
        polls = row.polls + 1
        ends = from_iso(row.expires_at)
        later = now + next_poll_delay(polls)
        # Also at the time the order expires.
        values = {
            "polls": polls,
            "next_poll_at": iso(min(later, ends) if now < ends else later),
        }
        condition = (PURCHASE.id == row.id) & (
            PURCHASE.next_poll_at == row.next_poll_at
        )
        return self.db.update(PURCHASE, condition, **values)

    @transaction
    def end_polling(self, claimed: Purchase) -> None:
        """End the polls of a claimed purchase after its last one, unless another was requested."""
        ends = max(
            claimed.created_at + POLL_DURATION, claimed.expires_at + POLL_DELAYS[-1]
        )
        if claimed.next_poll_at is None or self._clock() <= ends:
            return
        is_same = PURCHASE.next_poll_at == iso(claimed.next_poll_at)
        self.db.update(
            PURCHASE, (PURCHASE.id == claimed.purchase_id) & is_same, next_poll_at=None
        )

    @transaction
    def poll_at(self, purchase_id: str, at: datetime) -> bool:
        """Poll at `at` if the next poll would be later."""
        is_later = PURCHASE.next_poll_at.is_null() | (PURCHASE.next_poll_at > iso(at))
        condition = (PURCHASE.id == purchase_id) & is_later
        return self.db.update(PURCHASE, condition, next_poll_at=iso(at))


def _is_due(now: datetime, only: Gateway | None) -> Any:
    # An order that nobody has begun to pay waits until it ends.
    is_polled = PURCHASE.next_poll_at != PURCHASE.expires_at
    is_set_back = waits_too_long(PURCHASE, now, POLL_DELAYS) & is_polled
    return _only((PURCHASE.next_poll_at <= iso(now)) | is_set_back, only)


def _only(condition: Any, gateway: Gateway | None) -> Any:
    """Return the condition for one gateway's purchases, itself for None."""
    return condition & (PURCHASE.gateway == gateway.value) if gateway else condition


def _select() -> Any:
    """Return the query of all purchases, each with the number of its payments."""
    is_payment = (LEDGER.purchase_id == PURCHASE.id) & (LEDGER.kind == "payment")
    payments = LEDGER.select(fn.COUNT(LEDGER.id)).where(is_payment)
    return PURCHASE.select(*PURCHASE.every(), payments.alias("payments"))


def _select_purchases(user_id: int) -> Any:
    """Return the query of a person's purchases, newest first; people without data have none."""
    query = _select().where((PURCHASE.user_id == user_id) & (PURCHASE.user_id != 0))
    return query.order_by(PURCHASE.created_at.desc(), PURCHASE.id.desc())
