-- The answers of a model to its test questions, so that none is paid for twice; `known` NULL: nobody
-- said.
CREATE TABLE proof_answer (
    model_row BIGINT NOT NULL REFERENCES model (id),
    example_id TEXT NOT NULL,
    answer TEXT NOT NULL,
    known BIGINT,
    PRIMARY KEY (model_row, example_id)
);
