"""Step 24: what is searched and filtered of the datasets' examples.

SQLite keeps an index beside the table by triggers, PostgreSQL one over an expression. A dataset
that is known already is looked at anew when the daemon fetches next: its tree is no longer known.
"""

from __future__ import annotations

from merlin.db.database import Database
from merlin.db.migrations.columns import spelled

_TABLES = """
CREATE TABLE example_entry (
    id NUMBERED,
    dataset TEXT NOT NULL,
    path TEXT NOT NULL,
    example_id TEXT NOT NULL,
    blob TEXT NOT NULL,
    words TEXT NOT NULL,
    UNIQUE (dataset, path)
);
CREATE INDEX example_entry_newest ON example_entry (dataset, id);
CREATE TABLE example_tag (
    dataset TEXT NOT NULL,
    tag TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (dataset, tag, path)
);
CREATE INDEX example_tag_path ON example_tag (dataset, path);
CREATE INDEX example_author ON example (dataset, author, example_id);
UPDATE dataset_tree SET tree = '0000000000000000000000000000000000000000';
"""
_SQLITE = """
CREATE VIRTUAL TABLE example_search USING fts5(
    dataset, words, content='example_entry', content_rowid='id',
    tokenize='unicode61 remove_diacritics 0', detail='column', prefix='2 3'
);
CREATE TRIGGER example_entry_new AFTER INSERT ON example_entry BEGIN
    INSERT INTO example_search (rowid, dataset, words) VALUES (new.id, new.dataset, new.words); \
    END;
CREATE TRIGGER example_entry_old AFTER DELETE ON example_entry BEGIN
    INSERT INTO example_search (example_search, rowid, dataset, words)
        VALUES ('delete', old.id, old.dataset, old.words); \
    END;
"""
_POSTGRESQL = """
CREATE INDEX example_entry_words ON example_entry USING GIN (to_tsvector('simple', words));
"""


def m024_examples(db: Database) -> None:
    """Make the tables of the page of examples."""
    db.script(spelled(db, _TABLES))
    db.script(_SQLITE if db.dialect == "sqlite" else _POSTGRESQL)
