-- Favourites, accounts with a password, sign-ins, login codes, keys, repeated calls.
ALTER TABLE course_index ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
CREATE TABLE favourite (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    course_id BIGINT NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (user_id, course_id)
);
CREATE TABLE account (
    user_id BIGINT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    browsers TEXT NOT NULL,
    changed_at TEXT NOT NULL
);
CREATE TABLE sign_in (
    id NUMBERED,
    token_hash TEXT NOT NULL UNIQUE,
    source TEXT UNIQUE,
    user_id BIGINT NOT NULL,
    how TEXT NOT NULL,
    agent TEXT NOT NULL,
    at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE INDEX sign_in_user ON sign_in (user_id);
CREATE TABLE login_code (
    id NUMBERED,
    code_hash TEXT NOT NULL UNIQUE,
    browser_hash TEXT NOT NULL,
    number BIGINT NOT NULL,
    agent TEXT NOT NULL,
    place TEXT NOT NULL,
    state TEXT NOT NULL,
    user_id BIGINT,
    at TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE INDEX login_code_end ON login_code (expires_at);
CREATE TABLE api_key (
    id NUMBERED,
    key_hash TEXT NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    label TEXT NOT NULL,
    scopes TEXT NOT NULL,
    at TEXT NOT NULL,
    expires_at TEXT,
    used_at TEXT,
    revoked_at TEXT
);
CREATE INDEX api_key_user ON api_key (user_id);
CREATE TABLE idempotency (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    key_hash TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    number BIGINT NOT NULL,
    status BIGINT,
    media_type TEXT NOT NULL,
    headers TEXT NOT NULL,
    body TEXT NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (user_id, key_hash)
);
CREATE INDEX idempotency_at ON idempotency (at);
CREATE INDEX quota_use_reserved ON quota_use (bot_id, at) WHERE state = 'reserved';
