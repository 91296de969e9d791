"""Billing: the repositories of what is bought over one database, and what is on sale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merlin.billing.ledger import Ledger
from merlin.billing.plan import Plan
from merlin.billing.promo_codes import Promos
from merlin.billing.purchases import Purchases
from merlin.billing.refunds import Refunds
from merlin.billing.subscriptions import Renewals, Terms
from merlin.config.shop import PaymentsConfig
from merlin.core.clock import Clock, utc_now
from merlin.db.audit import Audit
from merlin.db.database import Database
from merlin.db.notices import Notices


@dataclass(frozen=True, slots=True)
class Billing:
    """What the acts of billing work on; called within the store's work."""

    purchases: Purchases
    ledger: Ledger
    terms: Terms
    refunds: Refunds
    renewals: Renewals
    promos: Promos
    notices: Notices
    audit: Audit
    plans: Sequence[Plan]
    selling: PaymentsConfig
    clock: Clock


def billing_of(
    database: Database,
    clock: Clock = utc_now,
    plans: Sequence[Plan] = (),
    selling: PaymentsConfig | None = None,
) -> Billing:
    """Return the billing of one database."""
    return Billing(
        purchases=Purchases(database, clock),
        ledger=Ledger(database, clock),
        terms=Terms(database, clock),
        refunds=Refunds(database, clock),
        renewals=Renewals(database),
        promos=Promos(database, clock),
        notices=Notices(database, clock),
        audit=Audit(database, clock),
        plans=plans,
        selling=selling or PaymentsConfig(),
        clock=clock,
    )
