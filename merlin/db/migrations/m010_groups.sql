-- What groups chose, who asked in them, and questions that were typed in inline mode.
ALTER TABLE turn ADD COLUMN asker TEXT NOT NULL DEFAULT '';
CREATE TABLE group_setting (
    bot_id BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    hears TEXT NOT NULL,
    dataset TEXT,
    language TEXT,
    is_open BIGINT NOT NULL,
    moved_to BIGINT NOT NULL,
    gone_at TEXT,
    PRIMARY KEY (bot_id, chat_id)
);
CREATE TABLE inline_question (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    token TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    question TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE UNIQUE INDEX inline_question_token ON inline_question (bot_id, token);
CREATE INDEX inline_question_user ON inline_question (user_id);
