-- What several apis count together: keyed hashes of who calls or tries to sign in, for an hour.
CREATE UNLOGGED TABLE throttle (
    key TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    at DOUBLE PRECISION NOT NULL
);
