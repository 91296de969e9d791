-- How many milliseconds the model took from being asked to its first word; NULL: nobody measured.
ALTER TABLE turn ADD COLUMN first_ms BIGINT;
