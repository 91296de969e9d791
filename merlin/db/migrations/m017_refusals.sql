-- How often the repository refused a change, so that one it will not take is parked.
ALTER TABLE change ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
