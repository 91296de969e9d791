"""Step 14: what a commit left in a file's place, so that undoing it takes nothing newer away."""

from __future__ import annotations

from merlin.db.database import Database


def m014_left(db: Database) -> None:
    """Keep the blob that a change's commit left; NULL for what was committed before this step."""
    db.script("ALTER TABLE change ADD COLUMN left_blob TEXT;")
