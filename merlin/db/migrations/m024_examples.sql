-- What is searched and filtered of the datasets' examples.
--
-- SQLite keeps an index beside the table by triggers, PostgreSQL one over an expression. A dataset
-- that is known already is looked at anew when the daemon fetches next: its tree is no longer known.
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
