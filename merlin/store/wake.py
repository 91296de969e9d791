"""The wake counter: one row that says how many writes somebody waits for there have been."""

from __future__ import annotations

from merlin.store.database import Database
from merlin.store.prepared import Prepared
from merlin.store.tables import WAKE

# Every process looks at it several times a second.
_COUNTER = Prepared(WAKE.select(WAKE.counter).limit(1))


class WakeRow:
    """Fulfils `core.wake.Wake`; rows classes bump by `Database.bump`, in their own transaction."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def bump(self) -> None:
        """Add one, at the end of the transaction that runs now or in one of its own."""
        self.db.bump()

    def read(self) -> int:
        """Return the counter."""
        return int(self.db.value(_COUNTER()))
