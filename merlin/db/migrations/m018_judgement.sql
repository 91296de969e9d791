-- What an editor said of a written answer of which its words do not tell if it is right.
CREATE TABLE judgement (
    dataset TEXT NOT NULL,
    question_digest TEXT NOT NULL,
    answer_digest TEXT NOT NULL,
    is_right BIGINT NOT NULL,
    PRIMARY KEY (dataset, question_digest, answer_digest)
);
