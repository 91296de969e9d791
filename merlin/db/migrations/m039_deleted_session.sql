-- A deleted session is kept for a while, so that its person can take that back; '' for one in use.
ALTER TABLE chat_session ADD COLUMN deleted_at TEXT NOT NULL DEFAULT '';
CREATE INDEX chat_session_deleted ON chat_session (deleted_at) WHERE deleted_at <> '';
