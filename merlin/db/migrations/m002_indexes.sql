-- What runs by itself finds its rows without reading a table that grows: retention by their age, the
-- bot's notices by when they were sent, the cache of files by the edits that can be undone.
CREATE INDEX updates_finished ON updates (finished_at);
CREATE INDEX outgoing_settled ON outgoing (settled_at);
CREATE INDEX outgoing_unprompted ON outgoing (bot_id, state) WHERE update_id IS NULL;
CREATE INDEX notice_handed_over ON notice (handed_over_at);
CREATE INDEX notice_told ON notice (created_at) WHERE to_whom <> '';
CREATE INDEX chat_session_used ON chat_session (last_used_at, created_at);
CREATE INDEX dialog_at ON dialog (at);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_by ON audit (by_whom, id);
CREATE INDEX quota_use_at ON quota_use (at);
CREATE INDEX change_before ON change (before_blob);
CREATE INDEX taught_example_text ON taught_example (text_digest);
CREATE INDEX model_dataset ON model (dataset, id);
CREATE INDEX build_created ON build (created_at);
CREATE INDEX group_chat_gone ON group_chat (gone_at);
CREATE INDEX change_path ON change (path, id);
CREATE INDEX change_working ON change (id) WHERE state = 'working';
CREATE INDEX verdict_build ON verdict (build_id);
CREATE INDEX sign_in_end ON sign_in (expires_at);
CREATE INDEX plan_term_grant ON plan_term (grant_id);
