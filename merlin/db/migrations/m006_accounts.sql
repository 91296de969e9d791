-- What people chose, what they may do and have allowed, what they used of their plan.
ALTER TABLE users ADD COLUMN language TEXT;
ALTER TABLE users ADD COLUMN zone TEXT;
ALTER TABLE users ADD COLUMN plan TEXT;
ALTER TABLE users ADD COLUMN is_blocked BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN shown_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN terms_seen TEXT NOT NULL DEFAULT '';
CREATE INDEX users_newest ON users (first_seen_at, user_id);
CREATE TABLE role_grant (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at TEXT NOT NULL,
    revoked_at TEXT
);
CREATE UNIQUE INDEX role_grant_now ON role_grant (user_id, role, scope)
    WHERE revoked_at IS NULL;
CREATE TABLE audit (
    id NUMBERED,
    at TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    arguments TEXT NOT NULL
);
CREATE INDEX audit_target ON audit (target, id);
CREATE TABLE consent (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    text_version TEXT NOT NULL,
    given_at TEXT,
    revoked_at TEXT
);
CREATE UNIQUE INDEX consent_now ON consent (user_id, kind) WHERE revoked_at IS NULL;
CREATE INDEX consent_user ON consent (user_id);
CREATE TABLE quota_gift (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    format TEXT NOT NULL,
    amount BIGINT NOT NULL,
    expires_at TEXT,
    by_whom TEXT NOT NULL,
    reason TEXT NOT NULL,
    key TEXT UNIQUE,
    at TEXT NOT NULL
);
CREATE INDEX quota_gift_user ON quota_gift (user_id, format);
CREATE TABLE quota_use (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    update_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    format TEXT NOT NULL,
    state TEXT NOT NULL,
    gift_id BIGINT REFERENCES quota_gift (id),
    day TEXT NOT NULL,
    month TEXT NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (bot_id, update_id)
);
CREATE INDEX quota_use_spent ON quota_use (user_id, month, format, day);
CREATE INDEX quota_use_gift ON quota_use (gift_id) WHERE gift_id IS NOT NULL;
