"""The rows of what is bought, over one database."""

from __future__ import annotations

from merlin.billing.books import Books
from merlin.billing.ledger import Ledger
from merlin.billing.promo_codes import Promos
from merlin.billing.purchases import Purchases
from merlin.billing.refunds import Refunds
from merlin.billing.subscription_store import RenewalRows, TermRows
from merlin.core.clock import Clock, utc_now
from merlin.db.database import Database
from merlin.db.encryption import Cipher


def books_of(database: Database, cipher: Cipher, clock: Clock = utc_now) -> Books:
    """Return the books of one database."""
    purchases = Purchases(database, cipher, clock)
    return Books(
        purchases=purchases,
        asking=purchases,
        ledger=Ledger(database, cipher, clock),
        terms=TermRows(database, clock, cipher),
        refunds=Refunds(database, cipher, clock),
        renewals=RenewalRows(database, cipher),
        promos=Promos(database, clock, cipher),
    )
