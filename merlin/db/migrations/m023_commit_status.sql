-- Which status the forge was told of a commit, and of which moment the verdict was; `words` empty: it
-- was refused.
CREATE TABLE commit_status (
    commit_sha TEXT NOT NULL,
    dataset TEXT NOT NULL,
    words TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (commit_sha, dataset)
);
