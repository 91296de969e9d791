-- of a key the sha256 alone. Limits: 0 is none
CREATE TABLE client (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
 name TEXT NOT NULL UNIQUE, digest TEXT NOT NULL UNIQUE, hint TEXT NOT NULL,
 created_at REAL NOT NULL, used_on TEXT, revoked_at REAL,
 requests_per_minute INTEGER NOT NULL, tokens_per_day INTEGER NOT NULL,
 most_jobs INTEGER NOT NULL, most_bytes INTEGER NOT NULL);
CREATE TABLE spent (client_id TEXT NOT NULL, day TEXT NOT NULL, answers INTEGER NOT NULL,
 tokens INTEGER NOT NULL, PRIMARY KEY (client_id, day)) WITHOUT ROWID;
-- the client who made it, '' for the engine's own key. A model is its job's
ALTER TABLE file ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN owner TEXT NOT NULL DEFAULT '';
-- state: on, paused (failed for long, deliveries wait), gone (it said so: nothing more is kept)
CREATE TABLE endpoint (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
 owner TEXT NOT NULL, is_of_config INTEGER NOT NULL, name TEXT NOT NULL,
 url TEXT NOT NULL, event_types TEXT NOT NULL, secret TEXT NOT NULL,
 old_secret TEXT, old_until REAL, created_at REAL NOT NULL, updated_at REAL NOT NULL,
 state TEXT NOT NULL DEFAULT 'on', failing_since REAL, not_before REAL NOT NULL DEFAULT 0);
-- id is the header webhook-id: the same in every try
CREATE TABLE delivery (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
 endpoint_id TEXT NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE,
 body TEXT NOT NULL, created_at REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
 due_at REAL NOT NULL, delivered_at REAL, trouble TEXT NOT NULL DEFAULT '');
CREATE INDEX delivery_due ON delivery (endpoint_id, due_at) WHERE delivered_at IS NULL;
