"""Step 17: how often the repository refused a change, so that one it will not take is parked."""

from __future__ import annotations

from merlin.db.database import Database


def m017_refusals(db: Database) -> None:
    """Count the refusals of each change."""
    db.script("ALTER TABLE change ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;")
