"""Books: all rows of what is bought, as one value that bot, api and command line are given."""

from __future__ import annotations

from dataclasses import dataclass

from merlin.billing.ledger import Ledger
from merlin.billing.promo_codes import Promos
from merlin.billing.purchases import Purchases
from merlin.billing.refunds import Refunds
from merlin.billing.subscriptions import Renewals, Terms


@dataclass(frozen=True, slots=True)
class Books:
    """The families of rows; their methods are called within the store's work."""

    purchases: Purchases
    asking: Purchases
    ledger: Ledger
    terms: Terms
    refunds: Refunds
    renewals: Renewals
    promos: Promos
