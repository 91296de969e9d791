ALTER TABLE job ADD COLUMN method TEXT NOT NULL DEFAULT 'supervised';
-- of the run: how many steps there are to do and were done, and when it began
ALTER TABLE job ADD COLUMN steps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN estimated_finish REAL;
-- what the weights hold, in sha256. Of models made before, their name and date
ALTER TABLE model ADD COLUMN digest TEXT NOT NULL DEFAULT '';
UPDATE model SET digest = name || ' ' || created_at;
