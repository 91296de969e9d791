"""Step 35: a proposed example may be meant for the test part."""

from __future__ import annotations

from merlin.db.database import Database


def m035_proposal_split(db: Database) -> None:
    """Keep the mark of a proposal's split."""
    db.script("ALTER TABLE proposal ADD COLUMN split TEXT NOT NULL DEFAULT '';")
