-- Which test questions an editor lets a model lose, for the gate; the digest is of the question and
-- its answer.
CREATE TABLE accepted_loss (
    dataset TEXT NOT NULL,
    question_digest TEXT NOT NULL,
    example_id TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (dataset, question_digest)
);
