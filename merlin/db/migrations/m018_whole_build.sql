-- Builds whose examples are still being written are told from whole ones.
ALTER TABLE build ADD COLUMN is_whole BIGINT NOT NULL DEFAULT 1;
