"""Step 3: which commits carry which git note."""

from __future__ import annotations

from merlin.db.database import Database

_NOTED = """
CREATE TABLE noted (
    commit_sha TEXT PRIMARY KEY,
    words TEXT NOT NULL,
    at TEXT NOT NULL
);
"""


def m003_noted(db: Database) -> None:
    """Make the table of notes."""
    db.script(_NOTED)
