"""The rows of what is bought, over one database."""

from __future__ import annotations

from merlin.billing.books import Books
from merlin.core.clock import Clock, utc_now
from merlin.store.cipher import Cipher
from merlin.store.database import Database
from merlin.store.ledger import LedgerRows
from merlin.store.promos import PromoRows
from merlin.store.purchases import PurchaseRows
from merlin.store.refunds import RefundRows
from merlin.store.renewals import RenewalRows
from merlin.store.terms import TermRows


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
