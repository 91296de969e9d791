-- Questions that people want their editors to see, and those that editors dismissed, as a keyed hash.
CREATE TABLE told_question (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    dataset TEXT NOT NULL,
    question TEXT NOT NULL,
    turn_id BIGINT,
    at TEXT NOT NULL
);
CREATE INDEX told_question_dataset ON told_question (dataset, at);
CREATE INDEX told_question_user ON told_question (user_id);
CREATE TABLE dismissed_question (
    dataset TEXT NOT NULL,
    mark TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (dataset, mark)
);
CREATE INDEX turn_asked ON turn (asked_at);
