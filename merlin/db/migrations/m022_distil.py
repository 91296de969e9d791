"""Step 22: examples that a stronger model drafts: where a proposal comes from, what was asked."""

from __future__ import annotations

from merlin.db.database import Database

_SCHEMA = """
ALTER TABLE proposal ADD COLUMN origin TEXT NOT NULL DEFAULT 'chat';
ALTER TABLE proposal ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE proposal ADD COLUMN cost_micro BIGINT NOT NULL DEFAULT 0;
ALTER TABLE proposal ADD COLUMN currency TEXT NOT NULL DEFAULT '';
CREATE TABLE distil_call (
    digest TEXT PRIMARY KEY,
    dataset TEXT NOT NULL,
    provider TEXT NOT NULL,
    model_id TEXT NOT NULL,
    state TEXT NOT NULL,
    cost_micro BIGINT NOT NULL,
    currency TEXT NOT NULL,
    proposed BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    at TEXT NOT NULL
);
"""


def m022_distil(db: Database) -> None:
    """Keep a proposal's origin, and each call to a teacher from before it is sent."""
    db.script(_SCHEMA)
