"""Step 27: what a model did not know, and the questions that people want editors to see."""

from __future__ import annotations

from merlin.db.database import Database

_TURN = """
ALTER TABLE turn ADD COLUMN known BIGINT;
ALTER TABLE turn ADD COLUMN nearest TEXT NOT NULL DEFAULT '';
"""


def m027_unanswered(db: Database) -> None:
    """Keep what a model says of its answer; `known` NULL: it does not tell."""
    db.script(_TURN)
