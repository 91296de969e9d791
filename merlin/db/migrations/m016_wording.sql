-- What a person's question meant: the offered question that was pressed, the answer that their next
-- wording got, or ('') none of what was offered. Encrypted; `mark` is a keyed hash of the question.
CREATE TABLE wording (
    turn_id BIGINT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    dataset TEXT NOT NULL,
    kind TEXT NOT NULL,
    mark TEXT NOT NULL,
    question TEXT NOT NULL,
    meant TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX wording_mark ON wording (dataset, mark);
CREATE INDEX wording_user ON wording (user_id);
CREATE INDEX wording_at ON wording (at);
