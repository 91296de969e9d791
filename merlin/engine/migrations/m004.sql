-- the place of a deleted object in its list, for a client that deletes while it reads pages
CREATE TABLE deleted (id TEXT PRIMARY KEY, kind TEXT NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID;
