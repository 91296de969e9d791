"""Step 18: builds whose examples are still being written are told from whole ones."""

from __future__ import annotations

from merlin.db.database import Database


def m018_whole_build(db: Database) -> None:
    """Mark a build as whole; what was recorded before this step is."""
    db.script("ALTER TABLE build ADD COLUMN is_whole BIGINT NOT NULL DEFAULT 1;")
