-- Broadcasts, and where in a chat the result of a request is waited for.
CREATE TABLE broadcast (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    by_user BIGINT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    language TEXT NOT NULL,
    cursor_id BIGINT NOT NULL,
    total BIGINT NOT NULL,
    is_whole BIGINT NOT NULL,
    moved_at TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT
);
CREATE INDEX broadcast_open ON broadcast (bot_id, id)
    WHERE started_at IS NOT NULL AND ended_at IS NULL;
CREATE TABLE errand (
    bot_id BIGINT NOT NULL,
    request_id BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    update_id BIGINT NOT NULL,
    back TEXT NOT NULL,
    PRIMARY KEY (bot_id, request_id)
);
CREATE INDEX errand_chat ON errand (chat_id);
CREATE INDEX notice_key ON notice (key, handed_over_at);
