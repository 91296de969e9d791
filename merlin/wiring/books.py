"""The rows of what is bought, over one database."""

from __future__ import annotations

from merlin.billing.books import Books
from merlin.store.cipher import Cipher
from merlin.store.database import Database
from merlin.store.ledger import LedgerRows
from merlin.store.promos import PromoRows
from merlin.store.purchases import PurchaseRows
from merlin.store.refunds import RefundRows
from merlin.store.renewals import RenewalRows
from merlin.store.terms import TermRows


def books_of(database: Database, cipher: Cipher) -> Books:
    """Return the books of one database."""
    purchases = PurchaseRows(database, cipher)
    return Books(
        purchases=purchases,
        asking=purchases,
        ledger=LedgerRows(database, cipher),
        terms=TermRows(database, cipher=cipher),
        refunds=RefundRows(database, cipher),
        renewals=RenewalRows(database, cipher),
        promos=PromoRows(database),
    )
