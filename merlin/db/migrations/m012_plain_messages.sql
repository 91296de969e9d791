-- Whether a person wants messages as every client shows them: without drafts and blocks.
ALTER TABLE person ADD COLUMN is_plain BIGINT NOT NULL DEFAULT 0;
