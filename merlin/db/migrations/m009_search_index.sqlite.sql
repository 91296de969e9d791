CREATE VIRTUAL TABLE search_words USING fts5(
    kind, dataset, words, content='search_entry', content_rowid='id',
    tokenize='unicode61 remove_diacritics 0', detail='column', prefix='2 3'
);
CREATE TRIGGER search_entry_new AFTER INSERT ON search_entry BEGIN
    INSERT INTO search_words (rowid, kind, dataset, words)
        VALUES (new.id, new.kind, new.dataset, new.words);
    END;
CREATE TRIGGER search_entry_old AFTER DELETE ON search_entry BEGIN
    INSERT INTO search_words (search_words, rowid, kind, dataset, words)
        VALUES ('delete', old.id, old.kind, old.dataset, old.words);
    END;
