-- What a model did not know, and the questions that people want editors to see.
ALTER TABLE turn ADD COLUMN known BIGINT;
ALTER TABLE turn ADD COLUMN nearest TEXT NOT NULL DEFAULT '';
