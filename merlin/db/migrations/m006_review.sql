-- Why an editor declined it, encrypted, for its author.
ALTER TABLE proposal ADD COLUMN reason TEXT NOT NULL DEFAULT '';
-- Who is changing the text of a proposal, and when they last did.
CREATE TABLE proposal_editor (
    proposal BIGINT NOT NULL REFERENCES proposal (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (proposal, user_id)
);
CREATE INDEX proposal_editor_user ON proposal_editor (user_id);
CREATE INDEX proposal_editor_at ON proposal_editor (at);
