"""Step 32: models that answer a share of the people first."""

from __future__ import annotations

from merlin.db.database import Database

_TABLE = """
CREATE TABLE canary (
    dataset TEXT PRIMARY KEY,
    model_row BIGINT NOT NULL REFERENCES model (id),
    share DOUBLE PRECISION NOT NULL,
    least BIGINT NOT NULL,
    since TEXT NOT NULL,
    until TEXT NOT NULL,
    answers BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    serving_answers BIGINT NOT NULL,
    serving_failures BIGINT NOT NULL
);
"""


def m032_canary(db: Database) -> None:
    """Keep who answers a share of the people, and what came of it."""
    db.script(_TABLE)
