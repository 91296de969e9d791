"""Step 36: what bases and checkpoints answer to test questions, so that none is asked twice."""

from __future__ import annotations

from merlin.db.database import Database

_TABLE = """
CREATE TABLE baseline_answer (
    provider TEXT NOT NULL,
    model_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    answer TEXT NOT NULL,
    known BIGINT,
    PRIMARY KEY (provider, model_id, digest)
);
CREATE INDEX baseline_answer_by_digest ON baseline_answer (digest);
"""


def m036_baseline_answer(db: Database) -> None:
    """Keep answers by a digest of system text and question; `known` NULL: nobody said."""
    db.script(_TABLE)
