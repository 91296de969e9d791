-- What comes from Telegram and goes to it, and the sessions that people have.
CREATE TABLE updates (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    update_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    chat_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    language_code TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    received_at TEXT NOT NULL,
    finished_at TEXT,
    UNIQUE (bot_id, update_id)
);
CREATE INDEX updates_waiting ON updates (bot_id, chat_id, id) WHERE state = 'waiting';
CREATE INDEX updates_user ON updates (user_id);
CREATE TABLE chat_lease (
    bot_id BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    owner TEXT NOT NULL,
    until TEXT NOT NULL,
    PRIMARY KEY (bot_id, chat_id)
);
CREATE INDEX chat_lease_held ON chat_lease (owner) WHERE owner <> '';
CREATE TABLE outgoing (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    chat_id BIGINT NOT NULL,
    update_id BIGINT,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    owner TEXT NOT NULL,
    message_id BIGINT,
    created_at TEXT NOT NULL,
    settled_at TEXT,
    UNIQUE (bot_id, key)
);
CREATE INDEX outgoing_update ON outgoing (bot_id, update_id);
CREATE INDEX outgoing_chat ON outgoing (chat_id);
CREATE INDEX outgoing_open ON outgoing (bot_id, id)
    WHERE state IN ('pending', 'sending', 'unknown');
CREATE TABLE users (
    user_id BIGINT PRIMARY KEY,
    language_code TEXT NOT NULL,
    is_reachable BIGINT NOT NULL,
    first_seen_at TEXT NOT NULL
);
CREATE TABLE chat_session (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    dataset TEXT,
    model_id TEXT,
    is_open BIGINT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE UNIQUE INDEX chat_session_open ON chat_session (bot_id, chat_id) WHERE is_open = 1;
CREATE INDEX chat_session_chat ON chat_session (chat_id);
CREATE TABLE turn (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    update_id BIGINT NOT NULL,
    session_id BIGINT NOT NULL REFERENCES chat_session (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    note TEXT NOT NULL,
    ending TEXT NOT NULL,
    placeholder_id BIGINT,
    provider TEXT NOT NULL,
    model_id TEXT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    asked_at TEXT NOT NULL,
    written_at TEXT,
    UNIQUE (bot_id, update_id)
);
CREATE INDEX turn_session ON turn (session_id, id);
