-- Many sessions a chat, what a turn cost, dialogs, people's own presets, windows.
ALTER TABLE chat_session ADD COLUMN thread_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_session ADD COLUMN provider TEXT;
ALTER TABLE chat_session ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_session ADD COLUMN preset TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_session ADD COLUMN system TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_session ADD COLUMN summary TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_session ADD COLUMN used_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_session ADD COLUMN is_warned BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_session ADD COLUMN is_full BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_session ADD COLUMN touched_at TEXT NOT NULL DEFAULT '';
UPDATE chat_session SET touched_at = created_at
    WHERE EXISTS (SELECT 1 FROM turn WHERE turn.session_id = chat_session.id);
DROP INDEX chat_session_open;
CREATE UNIQUE INDEX chat_session_open ON chat_session (bot_id, chat_id, thread_id)
    WHERE is_open = 1;
CREATE INDEX chat_session_user ON chat_session (user_id);
ALTER TABLE turn ADD COLUMN user_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE turn ADD COLUMN question_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE turn ADD COLUMN format TEXT NOT NULL DEFAULT 'text';
ALTER TABLE turn ADD COLUMN standing TEXT NOT NULL DEFAULT '';
ALTER TABLE turn ADD COLUMN offer TEXT NOT NULL DEFAULT '';
ALTER TABLE turn ADD COLUMN cost_micro BIGINT NOT NULL DEFAULT 0;
ALTER TABLE turn ADD COLUMN currency TEXT NOT NULL DEFAULT '';
ALTER TABLE turn ADD COLUMN is_replaced BIGINT NOT NULL DEFAULT 0;
UPDATE turn SET user_id = (SELECT user_id FROM chat_session WHERE id = turn.session_id);
CREATE INDEX turn_user ON turn (user_id);
CREATE TABLE dialog (
    bot_id BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    step TEXT NOT NULL,
    said TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (bot_id, chat_id, user_id)
);
CREATE TABLE preset (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    prompt TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX preset_user ON preset (user_id);
CREATE TABLE model_window (
    provider TEXT NOT NULL,
    model_id TEXT NOT NULL,
    tokens BIGINT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (provider, model_id)
);
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at TEXT NOT NULL
);
