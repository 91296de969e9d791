-- What a commit left in a file's place, so that undoing it takes nothing newer away; NULL for what
-- was committed before this step.
ALTER TABLE change ADD COLUMN left_blob TEXT;
