-- Pages and acts of one person cost the same after 36,500 commits, 100,000 people and a million turns:
-- edits by their state, commits that undo others, what one person has, refused and disliked answers.
CREATE INDEX change_open ON change (dataset, id) WHERE state IN ('waiting', 'working', 'parked');
CREATE INDEX change_updated ON change (dataset, updated_at);
CREATE INDEX change_commit ON change (commit_sha);
CREATE INDEX seen_commit_reverts ON seen_commit (position)
    WHERE REPLACE(message, 'This reverts commit ', '') <> message;
CREATE INDEX seen_commit_author ON seen_commit (author_email);
CREATE INDEX verdict_unsent ON verdict (updated_at) WHERE sent_at IS NULL OR sent_at <> updated_at;
CREATE INDEX verdict_trained ON verdict (dataset, position, job_id, status)
    WHERE job_id IS NOT NULL;
CREATE INDEX promotion_from ON promotion (dataset, from_model, at);
CREATE INDEX promotion_to ON promotion (dataset, to_model);
CREATE INDEX updates_chat ON updates (chat_id);
CREATE INDEX chat_lease_owned ON chat_lease (bot_id, owner) WHERE owner > '';
CREATE INDEX chat_lease_chat ON chat_lease (chat_id);
CREATE INDEX dialog_chat ON dialog (chat_id);
CREATE INDEX dialog_user ON dialog (user_id);
CREATE INDEX notice_reader ON notice (to_whom);
CREATE INDEX request_by ON request (by_whom, id);
CREATE INDEX turn_refused ON turn (asked_at) WHERE known = 0;
CREATE INDEX rating_down ON rating (turn_id) WHERE value = 'down';
CREATE INDEX example_entry_tags ON example_entry (dataset, tags);
-- The authors named beside a list of 30,000 examples.
CREATE INDEX taught_example_author ON taught_example (dataset, author, end_build, first_build);
-- A training among thousands: its build, its slot, its model.
CREATE INDEX build_dataset ON build (dataset, id);
CREATE INDEX job_running ON job (provider, state);
CREATE INDEX model_named ON model (model_id, dataset, id);
