"""Step 23: which status the forge was told of a commit."""

from __future__ import annotations

from merlin.db.database import Database

_TABLE = """
CREATE TABLE commit_status (
    commit_sha TEXT NOT NULL,
    dataset TEXT NOT NULL,
    words TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (commit_sha, dataset)
);
"""


def m023_commit_status(db: Database) -> None:
    """Keep what was sent, and of which moment the verdict was; `words` empty: it was refused."""
    db.script(_TABLE)
