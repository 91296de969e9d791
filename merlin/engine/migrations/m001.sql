CREATE TABLE file (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
 filename TEXT NOT NULL, purpose TEXT NOT NULL, bytes INTEGER NOT NULL, created_at INTEGER NOT NULL);
CREATE TABLE job (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
 created_at INTEGER NOT NULL, finished_at INTEGER, status TEXT NOT NULL,
 base TEXT NOT NULL, method TEXT NOT NULL, training_file TEXT NOT NULL, validation_file TEXT,
 suffix TEXT NOT NULL, seed INTEGER NOT NULL, metadata TEXT NOT NULL,
 hyperparameters TEXT NOT NULL, trained_tokens INTEGER,
 error TEXT);
CREATE INDEX job_status ON job (status);
CREATE TABLE event (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
 job_id TEXT NOT NULL, created_at INTEGER NOT NULL, level TEXT NOT NULL, type TEXT NOT NULL,
 message TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX event_job ON event (job_id, seq);
-- id is the checkpoint object's, step is NULL for the final model, digest what the weights hold, in
-- sha256
CREATE TABLE model (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
 name TEXT NOT NULL UNIQUE, job_id TEXT NOT NULL, base TEXT NOT NULL, step INTEGER,
 path TEXT NOT NULL, created_at INTEGER NOT NULL, metrics TEXT NOT NULL, digest TEXT NOT NULL);
CREATE INDEX model_job ON model (job_id, seq);
