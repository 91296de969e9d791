CREATE TABLE search_entry (
    id INTEGER PRIMARY KEY,
    course_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    letters TEXT NOT NULL
);
CREATE INDEX search_entry_course ON search_entry (course_id);
CREATE VIRTUAL TABLE search_stem USING fts5(
    name, body, content='search_entry', content_rowid='id',
    tokenize='unicode61 remove_diacritics 0'
);
CREATE VIRTUAL TABLE search_letter USING fts5(
    letters, content='search_entry', content_rowid='id', tokenize='trigram', detail='none'
);
CREATE TRIGGER search_entry_new AFTER INSERT ON search_entry BEGIN
    INSERT INTO search_stem (rowid, name, body) VALUES (new.id, new.name, new.body);
    INSERT INTO search_letter (rowid, letters) VALUES (new.id, new.letters);
    END;
CREATE TRIGGER search_entry_old AFTER DELETE ON search_entry BEGIN
    INSERT INTO search_stem (search_stem, rowid, name, body)
        VALUES ('delete', old.id, old.name, old.body);
    INSERT INTO search_letter (search_letter, rowid, letters)
        VALUES ('delete', old.id, old.letters);
    END;
-- Letters in the same order on every machine: a cursor is compared with them.
CREATE INDEX course_order ON course (is_active, semester, slug COLLATE BINARY);
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN
    SELECT RAISE(ABORT, 'the ledger is only added to');
    END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN
    SELECT RAISE(ABORT, 'the ledger is only added to');
    END;
CREATE VIRTUAL TABLE example_search USING fts5(
    dataset, words, content='example_entry', content_rowid='id',
    tokenize='unicode61 remove_diacritics 0', detail='column', prefix='2 3'
);
CREATE TRIGGER example_entry_new AFTER INSERT ON example_entry BEGIN
    INSERT INTO example_search (rowid, dataset, words) VALUES (new.id, new.dataset, new.words);
    END;
CREATE TRIGGER example_entry_old AFTER DELETE ON example_entry BEGIN
    INSERT INTO example_search (example_search, rowid, dataset, words)
        VALUES ('delete', old.id, old.dataset, old.words);
    END;
