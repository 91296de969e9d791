"""Step 30: the answers of one model are found by their key, however many there are."""

from __future__ import annotations

from merlin.db.database import Database


def m030_turn_model(db: Database) -> None:
    """Index turns by model. The provider comes first, so that a model's name alone never asks it.

    Without statistics SQLite takes a name for rare, and would read a million turns one by one.
    """
    db.script("CREATE INDEX turn_model ON turn (provider, model_id, id);")
