-- What the gate compared a held model by, and whether a person accepted it as it is.
ALTER TABLE verdict ADD COLUMN compared TEXT NOT NULL DEFAULT '';
ALTER TABLE verdict ADD COLUMN is_accepted BIGINT NOT NULL DEFAULT 0;
