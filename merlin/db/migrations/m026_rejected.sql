-- A correction in a dataset of pairs keeps the answer that it corrects.
ALTER TABLE proposal ADD COLUMN rejected TEXT NOT NULL DEFAULT '';
