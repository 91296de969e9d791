"""Step 20: the answers of a model to its test questions, so that none is paid for twice."""

from __future__ import annotations

from merlin.db.database import Database

_TABLE = """
CREATE TABLE proof_answer (
    model_row BIGINT NOT NULL REFERENCES model (id),
    example_id TEXT NOT NULL,
    answer TEXT NOT NULL,
    known BIGINT,
    PRIMARY KEY (model_row, example_id)
);
"""


def m020_proof(db: Database) -> None:
    """Keep answers to test questions; `known` NULL: nobody said."""
    db.script(_TABLE)
