-- owner: the client who made it, '' for the engine's own key. A model is its job's
CREATE TABLE file (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
 owner TEXT NOT NULL, filename TEXT NOT NULL, purpose TEXT NOT NULL, bytes INTEGER NOT NULL,
 created_at REAL NOT NULL);
-- of the run: how many steps there are to do and were done, and when it ends
CREATE TABLE job (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
 owner TEXT NOT NULL, created_at REAL NOT NULL, finished_at REAL, status TEXT NOT NULL,
 base TEXT NOT NULL, method TEXT NOT NULL, training_file TEXT NOT NULL, validation_file TEXT,
 suffix TEXT NOT NULL, seed INTEGER NOT NULL, metadata TEXT NOT NULL,
 hyperparameters TEXT NOT NULL, is_validated INTEGER NOT NULL DEFAULT 0, trained_tokens INTEGER,
 steps INTEGER NOT NULL DEFAULT 0, step INTEGER NOT NULL DEFAULT 0, estimated_finish REAL,
 error TEXT);
CREATE INDEX job_status ON job (status);
CREATE TABLE event (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
 job_id TEXT NOT NULL, created_at REAL NOT NULL, level TEXT NOT NULL, kind TEXT NOT NULL,
 message TEXT NOT NULL, content TEXT NOT NULL, is_of_run INTEGER NOT NULL);
CREATE INDEX event_job ON event (job_id, seq);
-- id is the checkpoint object's, step is NULL for the final model, digest what the weights hold, in
-- sha256
CREATE TABLE model (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
 name TEXT NOT NULL UNIQUE, job_id TEXT NOT NULL, base TEXT NOT NULL, step INTEGER,
 path TEXT NOT NULL, created_at REAL NOT NULL, metrics TEXT NOT NULL, digest TEXT NOT NULL);
CREATE INDEX model_job ON model (job_id, seq);
CREATE TABLE repeat (key TEXT PRIMARY KEY, digest TEXT NOT NULL, made TEXT NOT NULL,
 answer BLOB NOT NULL, created_at REAL NOT NULL);
-- of a key the sha256 alone. Limits: 0 is none
CREATE TABLE client (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
 name TEXT NOT NULL UNIQUE, digest TEXT NOT NULL UNIQUE, hint TEXT NOT NULL,
 created_at REAL NOT NULL, used_on TEXT, revoked_at REAL,
 requests_per_minute INTEGER NOT NULL, tokens_per_day INTEGER NOT NULL,
 most_jobs INTEGER NOT NULL, most_bytes INTEGER NOT NULL);
CREATE TABLE spent (client_id TEXT NOT NULL, day TEXT NOT NULL, answers INTEGER NOT NULL,
 tokens INTEGER NOT NULL, PRIMARY KEY (client_id, day)) WITHOUT ROWID;
-- the place of a deleted object in its list, for a client that deletes while it reads pages
CREATE TABLE deleted (id TEXT PRIMARY KEY, kind TEXT NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID;
