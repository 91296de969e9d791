"""Books: all rows of what is bought, as one value that bot, api and command line are given."""

from __future__ import annotations

from dataclasses import dataclass

from merlin.billing.ledger import Ledger
from merlin.billing.promo import Promos
from merlin.billing.purchase import Asking, Purchases
from merlin.billing.refund import Refunds
from merlin.billing.renewal import Renewals
from merlin.billing.term import Terms


@dataclass(frozen=True, slots=True)
class Books:
    """The families of rows; their methods are called within the store's work."""

    purchases: Purchases
    asking: Asking
    ledger: Ledger
    terms: Terms
    refunds: Refunds
    renewals: Renewals
    promos: Promos
