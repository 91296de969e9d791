-- Edits that wait for their commit, and the datasets' files as editors see them.
CREATE TABLE change (
    id NUMBERED,
    change_id TEXT NOT NULL UNIQUE,
    batch TEXT NOT NULL,
    dataset TEXT NOT NULL,
    kind TEXT NOT NULL,
    path TEXT NOT NULL,
    before_blob TEXT,
    text TEXT,
    editor_name TEXT NOT NULL,
    editor_email TEXT NOT NULL,
    subject TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    arguments TEXT NOT NULL,
    commit_sha TEXT,
    theirs TEXT,
    theirs_blob TEXT,
    told_word TEXT NOT NULL,
    is_told BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE INDEX change_batch ON change (batch, id);
CREATE INDEX change_by ON change (by_whom, id);
CREATE INDEX change_waiting ON change (id) WHERE state = 'waiting';
CREATE INDEX change_untold ON change (id) WHERE state = 'committed' AND is_told = 0;
-- What lies in the datasets' folders at the newest commit, as far as it may be read: a cache of git.
CREATE TABLE dataset_tree (
    dataset TEXT PRIMARY KEY,
    tree TEXT NOT NULL
);
CREATE TABLE dataset_file (
    dataset TEXT NOT NULL,
    path TEXT NOT NULL,
    blob TEXT NOT NULL,
    PRIMARY KEY (dataset, path)
);
CREATE INDEX dataset_file_blob ON dataset_file (blob);
CREATE TABLE dataset_text (
    blob TEXT PRIMARY KEY,
    text TEXT
);
