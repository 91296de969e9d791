-- Ratings, corrections that wait for an editor, and what outlives an erasure.
CREATE TABLE rating (
    turn_id BIGINT NOT NULL REFERENCES turn (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL,
    value TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (turn_id, user_id)
);
CREATE INDEX rating_user ON rating (user_id);
CREATE TABLE proposal (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    dataset TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    turn_id BIGINT NOT NULL,
    model_id TEXT NOT NULL,
    state TEXT NOT NULL,
    example_id TEXT NOT NULL,
    change_id TEXT NOT NULL,
    removal_id TEXT NOT NULL,
    reviewed_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    is_thanked BIGINT NOT NULL,
    at TEXT NOT NULL,
    reviewed_at TEXT
);
CREATE INDEX proposal_state ON proposal (state, id);
CREATE INDEX proposal_user ON proposal (user_id);
CREATE INDEX turn_placeholder ON turn (placeholder_id) WHERE placeholder_id IS NOT NULL;
CREATE TABLE left_behind (
    mark TEXT NOT NULL,
    format TEXT NOT NULL,
    day TEXT NOT NULL,
    day_used BIGINT NOT NULL,
    month TEXT NOT NULL,
    month_used BIGINT NOT NULL,
    until TEXT NOT NULL,
    PRIMARY KEY (mark, format)
);
CREATE INDEX left_behind_until ON left_behind (until);
