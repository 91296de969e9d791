"""Step 26: a correction in a dataset of pairs keeps the answer that it corrects."""

from __future__ import annotations

from merlin.db.database import Database


def m026_rejected(db: Database) -> None:
    """Keep the rejected answer of a proposal."""
    db.script("ALTER TABLE proposal ADD COLUMN rejected TEXT NOT NULL DEFAULT '';")
