"""Subscriptions: orders in Stars that Telegram charges every month until somebody cancels them.

    active <-> canceled | failed     as Telegram reports it
    canceled -> allowed              we took our cancellation back: the person may turn it on again

What Telegram is to be told is stored as `wanted` before the call, which may be repeated: it says
how the subscription shall be. Telegram names a subscription by its first payment.

Source: Bot API, editUserStarSubscription, SuccessfulPayment, update `subscription`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from peewee import fn

from merlin.billing.purchases import (
    POLL_DELAYS,
    Promise,
    next_poll_delay,
    read_promise,
    waits_too_long,
)
from merlin.core.clock import iso
from merlin.core.money import Amount
from merlin.db.database import Repository, Row, transaction
from merlin.db.tables import PURCHASE, SUBSCRIPTION
from merlin.db.values import RowMap, storable_text


class SubscriptionState(StrEnum):
    """The state of a subscription; the first three are Telegram's words."""

    # The values are stored in the database.
    ACTIVE = "active"
    CANCELED = "canceled"
    FAILED = "failed"
    ALLOWED = "allowed"


@dataclass(frozen=True, slots=True)
class Subscription:
    """The subscription of an order, paid up to `ends_at`; `charge_id` is its first payment.

    `wanted` is the state that Telegram is still to be told, None for none; `trouble` is why it
    finally refused. The person is 0 after a deletion of data.
    """

    purchase_id: str
    user_id: int
    charge_id: str
    promise: Promise
    amount: Amount
    ends_at: datetime
    state: SubscriptionState
    wanted: SubscriptionState | None = None
    trouble: str = ""

    @property
    def is_on(self) -> bool:
        """Return whether Telegram charges it again, and nobody has asked for its end."""
        return self.state is SubscriptionState.ACTIVE and self.wanted is None


_SUBSCRIPTIONS = RowMap(
    Subscription, columns={"charge_id": "outside_id"}, json={"promise": read_promise}
)
_OF_PURCHASE = ("user_id", "outside_id", "promise", "amount", "currency")
# A new one is sent at once. The time a process has for it; then another repeats it.
_POLL_DELAYS = (timedelta(), timedelta(seconds=30), *POLL_DELAYS)


class Subscriptions(Repository):
    """One row for each order that renews."""

    @transaction
    def extend(self, purchase_id: str, ends_at: datetime) -> None:
        """Store that a payment has started or extended a subscription."""
        new = {"state": SubscriptionState.ACTIVE.value, "ends_at": iso(ends_at)}
        new["trouble"] = ""
        if not self.db.add_new(
            SUBSCRIPTION, {"purchase_id": purchase_id, **new, "polls": 0}
        ):
            is_it = SUBSCRIPTION.purchase_id == purchase_id
            # One of an earlier month that comes late says nothing of this one.
            self.db.update(
                SUBSCRIPTION, is_it & (SUBSCRIPTION.ends_at < iso(ends_at)), **new
            )

    def find(self, purchase_id: str) -> Subscription | None:
        """Return the subscription of an order, None if it does not renew."""
        is_it = SUBSCRIPTION.purchase_id == storable_text(purchase_id)
        return _SUBSCRIPTIONS.find(self.db, _select().where(is_it))

    def list_of_user(self, user_id: int) -> list[Subscription]:
        """Return a person's subscriptions, the one that ends last first."""
        is_theirs = (PURCHASE.user_id == user_id) & (PURCHASE.user_id != 0)
        query = _select().where(is_theirs).order_by(SUBSCRIPTION.ends_at.desc())
        return _SUBSCRIPTIONS.read_all(self.db, query)

    def count_states(self) -> dict[str, int]:
        """Return how many subscriptions have each state."""
        number = fn.COUNT(SUBSCRIPTION.purchase_id)
        query = SUBSCRIPTION.select(SUBSCRIPTION.state, number)
        rows = self.db.rows(query.group_by(SUBSCRIPTION.state))
        counts: dict[str, int] = dict(rows)
        return {state.value: counts.get(state.value, 0) for state in SubscriptionState}

    @transaction
    def advance(self, purchase_id: str, state: SubscriptionState) -> bool:
        """Store a state; False if the subscription has it. Only a canceled one becomes ALLOWED."""
        is_it = SUBSCRIPTION.purchase_id == purchase_id
        is_before = SUBSCRIPTION.state != state.value
        if state is SubscriptionState.ALLOWED:
            is_before = SUBSCRIPTION.state == SubscriptionState.CANCELED.value
        return self.db.update(SUBSCRIPTION, is_it & is_before, state=state.value)

    @transaction
    def want(self, purchase_id: str, wanted: SubscriptionState) -> None:
        """Store what Telegram is to be told, CANCELED or ALLOWED, in place of anything else."""
        is_it = SUBSCRIPTION.purchase_id == purchase_id
        values = {"wanted": wanted.value, "trouble": "", "polls": 0}
        self.db.update(SUBSCRIPTION, is_it, **values, next_poll_at=iso(self._clock()))
        self.db.announce_change()

    def is_due(self, now: datetime) -> bool:
        """Return whether `claim_due` would return any; only reads, so it blocks no writer."""
        return self.db.has(SUBSCRIPTION, _due(now))

    @transaction
    def claim_due(self, now: datetime, limit: int = 20) -> list[Subscription]:
        """Claim the subscriptions of which Telegram is to be told; other processes skip them."""
        order = (SUBSCRIPTION.next_poll_at, SUBSCRIPTION.purchase_id)
        rows = self.db.rows(_select().where(_due(now)).order_by(*order).limit(limit))
        return [_SUBSCRIPTIONS.read(row) for row in rows if self._claim(row, now)]

    def _claim(self, row: Row, now: datetime) -> bool:
        polls = row.polls + 1
        next_poll_at = iso(now + next_poll_delay(polls, _POLL_DELAYS))
        is_it = SUBSCRIPTION.purchase_id == row.purchase_id
        is_same = SUBSCRIPTION.next_poll_at == row.next_poll_at
        values = {"polls": polls, "next_poll_at": next_poll_at}
        return self.db.update(SUBSCRIPTION, is_it & is_same, **values)

    @transaction
    def mark_told(self, subscription: Subscription, trouble: str = "") -> bool:
        """Store that Telegram was told what was wanted, or finally refused it.

        False if something else is wanted by now.
        """
        is_it = SUBSCRIPTION.purchase_id == subscription.purchase_id
        is_same = SUBSCRIPTION.wanted == subscription.wanted
        values = {"wanted": None, "next_poll_at": None}
        text = storable_text(trouble)
        return self.db.update(SUBSCRIPTION, is_it & is_same, **values, trouble=text)

    @transaction
    def make_due(self, at: datetime) -> None:
        """Let what is being told be told again: a try that ended with its process is none."""
        is_later = SUBSCRIPTION.next_poll_at > iso(at)
        self.db.update(SUBSCRIPTION, is_later, next_poll_at=iso(at), polls=0)


def _select() -> Any:
    """Return the query of subscriptions with what their orders say."""
    columns = [getattr(PURCHASE, name) for name in _OF_PURCHASE]
    query = SUBSCRIPTION.select(*SUBSCRIPTION.every(), *columns)
    return query.join(PURCHASE, on=(PURCHASE.id == SUBSCRIPTION.purchase_id))


def _due(now: datetime) -> Any:
    is_set_back = waits_too_long(SUBSCRIPTION, now, _POLL_DELAYS)
    return (SUBSCRIPTION.next_poll_at <= iso(now)) | is_set_back
