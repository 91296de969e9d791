"""Step 15: which steps of a process fail by a bug, said in its heartbeat."""

from __future__ import annotations

from merlin.db.database import Database


def m015_failing(db: Database) -> None:
    """Let a heartbeat say why each of its failing steps fails, as JSON."""
    db.script("ALTER TABLE heartbeat ADD COLUMN failing TEXT NOT NULL DEFAULT '{}';")
