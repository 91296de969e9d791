-- A proposed example may be meant for the test part.
ALTER TABLE proposal ADD COLUMN split TEXT NOT NULL DEFAULT '';
