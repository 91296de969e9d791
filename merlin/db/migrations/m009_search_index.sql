-- One index of all that is searched: courses, their materials, passages of texts, and examples.
-- The daemon fills it at its next look: an entry of kind 'tree' says what was read of a dataset.
-- `example_entry` was the index of examples, and stays empty.
CREATE TABLE search_entry (
    id NUMBERED,
    kind TEXT NOT NULL,
    dataset TEXT NOT NULL,
    path TEXT NOT NULL,
    place BIGINT NOT NULL DEFAULT 0,
    name TEXT NOT NULL DEFAULT '',
    blob TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT '',
    vector BYTES,
    title TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL DEFAULT '',
    words TEXT NOT NULL,
    UNIQUE (dataset, kind, path, place)
);
CREATE INDEX search_entry_newest ON search_entry (kind, dataset, id);
CREATE INDEX search_entry_tags ON search_entry (dataset, kind, tags);
CREATE INDEX search_entry_tree ON search_entry (dataset) WHERE kind = 'tree';
CREATE INDEX search_entry_unencoded ON search_entry (id) WHERE vector IS NULL AND text <> '';
DELETE FROM example_entry;
UPDATE wake SET counter = 0 WHERE id = 3;
