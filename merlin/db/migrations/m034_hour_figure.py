"""Step 34: figures of each hour, from which trends are drawn."""

from __future__ import annotations

from merlin.db.database import Database

_TABLE = """
CREATE TABLE hour_figure (
    hour TEXT PRIMARY KEY,
    answers BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    liked BIGINT NOT NULL,
    disliked BIGINT NOT NULL,
    failures TEXT NOT NULL,
    times TEXT NOT NULL,
    spent TEXT NOT NULL
);
CREATE INDEX rating_at ON rating (at);
"""


def m034_hour_figure(db: Database) -> None:
    """Keep what was counted in each hour."""
    db.script(_TABLE)
