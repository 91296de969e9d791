-- Empty on SQLite: one api counts in its memory.
CREATE TABLE throttle (
    key TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    at DOUBLE PRECISION NOT NULL
);
