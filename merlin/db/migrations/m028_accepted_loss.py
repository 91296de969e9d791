"""Step 28: which test questions an editor lets a model lose, for the gate."""

from __future__ import annotations

from merlin.db.database import Database

_TABLE = """
CREATE TABLE accepted_loss (
    dataset TEXT NOT NULL,
    question_digest TEXT NOT NULL,
    example_id TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (dataset, question_digest)
);
"""


def m028_accepted_loss(db: Database) -> None:
    """Keep who accepted which question when; the digest is of the question and its answer."""
    db.script(_TABLE)
