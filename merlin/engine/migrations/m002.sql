-- pending until its file is there, in one transaction. Its parts are files in a folder of its name
CREATE TABLE upload (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
 filename TEXT NOT NULL, purpose TEXT NOT NULL, bytes INTEGER NOT NULL, created_at INTEGER NOT NULL,
 status TEXT NOT NULL);
ALTER TABLE job ADD COLUMN result_file TEXT;
