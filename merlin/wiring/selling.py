"""What was sold, from the command line: sums, orders, money that is to go back, codes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from merlin.billing.books import Books
from merlin.billing.ledger import Entry, EntryKind
from merlin.billing.plan import Plan, plan_named
from merlin.billing.purchases import Purchase
from merlin.billing.refunds import Refund, RefundState
from merlin.config import Config
from merlin.core.errors import ConfigError, NotFound, Refused
from merlin.core.money import Amount, Currency, roubles, stars
from merlin.db.database import Database
from merlin.db.encryption import Cipher
from merlin.wiring.books import books_of
from merlin.wiring.database import opened, reading
from merlin.wiring.users import cipher_of

LOOK_S = 0.2
ENDED = (RefundState.DONE, RefundState.REFUSED)


@dataclass(frozen=True, slots=True)
class Sales:
    """The books of a configuration."""

    config: Config
    db: Database
    books: Books


@contextmanager
def watched(config: Config) -> Iterator[Sales]:
    """Yield the books for reading. Raises NotFound before anything was recorded."""
    with reading(config) as database:
        yield _sales(config, database)


@contextmanager
def changed(config: Config) -> Iterator[Sales]:
    """Yield the books for changing."""
    with opened(config) as database:
        yield _sales(config, database)


def _sales(config: Config, database: Database) -> Sales:
    # Where no key was made yet nothing is sealed, so any key opens it.
    cipher = cipher_of(config) or Cipher({"none": secrets.token_bytes(32)}, "none")
    return Sales(config, database, books_of(database, cipher))


def grant_of(sales: Sales, purchase_id: str, grant_id: int | None) -> Entry:
    """Return the grant of an order whose money is to go back.

    Raises NotFound for an unknown one, Refused where none has money left, or several have and
    none is named.
    """
    entries = sales.books.ledger.entries(sales.books.purchases.get(purchase_id).purchase_id)
    grants = [each for each in entries if each.kind is EntryKind.GRANT]
    if not grants:
        raise NotFound(f"{purchase_id} is not paid", "billing-not-paid")
    if grant_id is not None:
        grants = [each for each in grants if each.entry_id == grant_id]
        if not grants:
            raise NotFound(f"no grant {grant_id}", "billing-no-payment")
    left = [each for each in grants if sales.books.ledger.rest(each.entry_id).minor]
    if len(left) > 1:
        told = ", ".join(str(each.entry_id) for each in left)
        raise Refused("several payments", "billing-which-grant", grants=told)
    return (left or grants)[0]


def amount_of(said: str, currency: Currency) -> Amount:
    """Return what somebody typed, roubles or Stars. Raises ConfigError for no amount."""
    try:
        return roubles(said.replace(",", ".")) if currency is Currency.RUB else stars(int(said))
    except ValueError:
        raise ConfigError(f"{said} is no amount", "billing-no-amount", said=said) from None


def outcome(sales: Sales, refund: Refund, wait_s: float) -> Refund:
    """Return a refund as it stands when it ended, or after so many seconds."""
    until = time.monotonic() + wait_s
    while True:
        rows = sales.books.refunds.of(refund.purchase_id)
        now = next(each for each in rows if each.refund_id == refund.refund_id)
        if now.state in ENDED or time.monotonic() >= until:
            return now
        time.sleep(LOOK_S)


def plan_for_code(sales: Sales, name: str, *, is_price: bool) -> Plan:
    """Return the plan that a code is for. Raises NotFound for one that no such code can be of."""
    plan = plan_named(sales.config.plans, name)
    if plan is None or not (plan.offer.is_sold if is_price else not plan.is_pack):
        raise NotFound(f"no plan {name}", "quota-no-plan", plan=name)
    return plan


def order_shown(purchase: Purchase) -> dict[str, Any]:
    """Return an order as JSON tells it."""
    order = purchase.order
    return {
        "order": purchase.purchase_id,
        "user": order.user_id,
        "till": order.till.value,
        "plan": order.promise.plan,
        "amount": order.amount.decimal,
        "currency": order.amount.currency.value,
        "state": purchase.state.value,
        "promo": order.promo,
        "test": order.is_test,
        "renewal": order.renewal_id is not None,
        "created_at": purchase.created_at,
        "expires_at": purchase.expires_at,
        "till_id": purchase.outside_id,
        "reason": purchase.reason,
    }


def entry_shown(entry: Entry) -> dict[str, Any]:
    """Return a row of the ledger as JSON tells it."""
    return {
        "row": entry.entry_id,
        "kind": entry.kind.value,
        "rests_on": entry.refers,
        "amount": entry.amount.decimal,
        "currency": entry.amount.currency.value,
        "at": entry.at,
        "till_id": entry.outside_id,
        "by": entry.by,
        "reason": entry.reason,
    }


def refund_shown(refund: Refund) -> dict[str, Any]:
    """Return a refund as JSON tells it."""
    return {
        "refund": refund.refund_id,
        "order": refund.purchase_id,
        "grant": refund.grant_id,
        "amount": refund.amount.decimal,
        "currency": refund.amount.currency.value,
        "state": refund.state.value,
        "by": refund.by,
        "reason": refund.reason,
        "at": refund.at,
        "till_id": refund.outside_id,
        "trouble": refund.trouble,
    }
