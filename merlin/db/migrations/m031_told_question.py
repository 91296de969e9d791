"""Step 31: questions that people want their editors to see, and those that editors dismissed."""

from __future__ import annotations

from merlin.db.database import Database
from merlin.db.migrations.columns import spelled

_TABLES = """
CREATE TABLE told_question (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    dataset TEXT NOT NULL,
    question TEXT NOT NULL,
    turn_id BIGINT,
    at TEXT NOT NULL
);
CREATE INDEX told_question_dataset ON told_question (dataset, at);
CREATE INDEX told_question_user ON told_question (user_id);
CREATE TABLE dismissed_question (
    dataset TEXT NOT NULL,
    mark TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (dataset, mark)
);
CREATE INDEX turn_asked ON turn (asked_at);
"""


def m031_told_question(db: Database) -> None:
    """Keep a question as its editors shall see it; one that was dismissed is a keyed hash."""
    db.script(spelled(db, _TABLES))
