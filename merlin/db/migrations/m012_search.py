"""Step 12: the words of courses as search finds them; how many materials each has; their order.

SQLite keeps two indexes beside the table by triggers: of stems, and of every three letters.
PostgreSQL has one over an expression. A database that has courses already gets their words when
the daemon looks at all datasets next: its index of courses is no longer whole.
"""

from __future__ import annotations

from merlin.db.database import Database

_SQLITE = """
CREATE TABLE search_entry (
    id INTEGER PRIMARY KEY,
    course_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    letters TEXT NOT NULL
);
CREATE VIRTUAL TABLE search_stem USING fts5(
    name, body, content='search_entry', content_rowid='id',
    tokenize='unicode61 remove_diacritics 0'
);
CREATE VIRTUAL TABLE search_letter USING fts5(
    letters, content='search_entry', content_rowid='id', tokenize='trigram', detail='none'
);
CREATE TRIGGER search_entry_new AFTER INSERT ON search_entry BEGIN
    INSERT INTO search_stem (rowid, name, body) VALUES (new.id, new.name, new.body); \
    INSERT INTO search_letter (rowid, letters) VALUES (new.id, new.letters); \
    END;
CREATE TRIGGER search_entry_old AFTER DELETE ON search_entry BEGIN
    INSERT INTO search_stem (search_stem, rowid, name, body)
        VALUES ('delete', old.id, old.name, old.body); \
    INSERT INTO search_letter (search_letter, rowid, letters)
        VALUES ('delete', old.id, old.letters); \
    END;
"""
_POSTGRESQL = """
CREATE TABLE search_entry (
    id BIGINT PRIMARY KEY,
    course_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    letters TEXT NOT NULL
);
CREATE INDEX search_entry_stem ON search_entry USING GIN ((
    setweight(to_tsvector('simple', name), 'A') || setweight(to_tsvector('simple', body), 'D')
));
"""
_BOTH = """
ALTER TABLE course ADD COLUMN lecture BIGINT NOT NULL DEFAULT 0;
ALTER TABLE course ADD COLUMN seminar BIGINT NOT NULL DEFAULT 0;
ALTER TABLE course ADD COLUMN lab BIGINT NOT NULL DEFAULT 0;
UPDATE course SET
    lecture = (COUNTED 'lecture'), seminar = (COUNTED 'seminar'), lab = (COUNTED 'lab');
CREATE INDEX search_entry_course ON search_entry (course_id);
CREATE INDEX course_order ON course (is_active, semester, slug COLLATE BYTES);
UPDATE course_index SET is_whole = 0 WHERE EXISTS (SELECT 1 FROM course);
"""
_COUNTED = (
    "SELECT COUNT(*) FROM material WHERE course_id = course.id AND place IS NOT NULL AND kind ="
)


def m012_search(db: Database) -> None:
    """Make the tables of search."""
    db.script(_SQLITE if db.dialect == "sqlite" else _POSTGRESQL)
    # Letters in the same order on every machine: a cursor is compared with them.
    bytes_ = "BINARY" if db.dialect == "sqlite" else '"C"'
    db.script(_BOTH.replace("BYTES", bytes_).replace("COUNTED", _COUNTED))
