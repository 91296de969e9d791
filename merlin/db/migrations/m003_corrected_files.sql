-- The examples of a proposal that were there before it: id -> the newest build of then, and the last
-- blob without its words, as JSON.
ALTER TABLE proposal ADD COLUMN corrected TEXT NOT NULL DEFAULT '{}';
-- The versions of such an example whose words a person withdrew: no model trained on one may serve.
CREATE TABLE revoked_version (
    dataset TEXT NOT NULL,
    example_id TEXT NOT NULL,
    blob TEXT NOT NULL,
    PRIMARY KEY (dataset, example_id, blob)
);
