-- Which steps of a process fail by a bug, said in its heartbeat.
ALTER TABLE heartbeat ADD COLUMN failing TEXT NOT NULL DEFAULT '{}';
