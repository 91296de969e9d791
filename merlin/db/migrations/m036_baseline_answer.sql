-- What bases and checkpoints answer to test questions, so that none is asked twice; found by a digest
-- of system text and question; `known` NULL: nobody said.
CREATE TABLE baseline_answer (
    provider TEXT NOT NULL,
    model_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    answer TEXT NOT NULL,
    known BIGINT,
    PRIMARY KEY (provider, model_id, digest)
);
CREATE INDEX baseline_answer_by_digest ON baseline_answer (digest);
