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
