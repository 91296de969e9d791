-- Whether a refusal shows the answer to the first question that it offers.
ALTER TABLE turn ADD COLUMN if_meant BIGINT NOT NULL DEFAULT 0;
