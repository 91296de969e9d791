"""The rows of what is bought, over one database."""

from __future__ import annotations

from merlin.billing.books import Books
from merlin.billing.ledger import LedgerRows
from merlin.billing.promo_codes import PromoRows
from merlin.billing.purchases import PurchaseRows
from merlin.billing.refunds import RefundRows
from merlin.billing.subscription_store import RenewalRows, TermRows
from merlin.core.clock import Clock, utc_now
from merlin.db.database import Database
from merlin.db.encryption import Cipher


def books_of(database: Database, cipher: Cipher, clock: Clock = utc_now) -> Books:
    """Return the books of one database."""
    purchases = PurchaseRows(database, cipher, clock)
    return Books(
        purchases=purchases,
        asking=purchases,
        ledger=LedgerRows(database, cipher, clock),
        terms=TermRows(database, clock, cipher),
        refunds=RefundRows(database, cipher, clock),
        renewals=RenewalRows(database, cipher),
        promos=PromoRows(database, clock, cipher),
    )
