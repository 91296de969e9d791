-- What a model, PROVIDER/MODEL, answered to a question of a dataset before it was shut down. `question`
-- is a digest of its words, or asked:TURN for one of a person, as in proof_answer.
CREATE TABLE baseline_answer (
    dataset TEXT NOT NULL,
    model TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (dataset, model, question)
);
