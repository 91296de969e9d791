"""Step 25: edits of examples that their editor has not saved yet."""

from __future__ import annotations

from merlin.db.database import Database
from merlin.db.migrations.columns import spelled

_TABLE = """
CREATE TABLE example_draft (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    dataset TEXT NOT NULL,
    path TEXT NOT NULL,
    before_blob TEXT,
    text TEXT,
    at TEXT NOT NULL,
    UNIQUE (user_id, dataset, path)
);
"""


def m025_example_draft(db: Database) -> None:
    """Keep an editor's edits of a dataset until they become one commit."""
    db.script(spelled(db, _TABLE))
