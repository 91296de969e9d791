-- Edits of examples that their editor has not saved yet.
CREATE TABLE example_draft (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    dataset TEXT NOT NULL,
    path TEXT NOT NULL,
    before_blob TEXT,
    text TEXT,
    at TEXT NOT NULL,
    UNIQUE (user_id, dataset, path)
);
