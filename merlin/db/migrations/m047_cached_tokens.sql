-- Input tokens of a turn that were in the provider's cache.
ALTER TABLE turn ADD COLUMN cached_tokens BIGINT NOT NULL DEFAULT 0;
