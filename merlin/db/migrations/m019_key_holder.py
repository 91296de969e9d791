"""Step 19: which keys of people's texts each process holds."""

from __future__ import annotations

from merlin.db.database import Database


def m019_key_holder(db: Database) -> None:
    """Make a row for each process that seals; `holds` is the keys' names, the sealing one first."""
    db.script(
        """
        CREATE TABLE key_holder (
            process TEXT NOT NULL,
            host TEXT NOT NULL,
            pid INTEGER NOT NULL,
            at TEXT NOT NULL,
            holds TEXT NOT NULL,
            PRIMARY KEY (process, host, pid)
        );
        """
    )
