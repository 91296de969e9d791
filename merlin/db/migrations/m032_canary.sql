-- Models that answer a share of the people first.
CREATE TABLE canary (
    dataset TEXT PRIMARY KEY,
    model_row BIGINT NOT NULL REFERENCES model (id),
    share DOUBLE PRECISION NOT NULL,
    least BIGINT NOT NULL,
    since TEXT NOT NULL,
    until TEXT NOT NULL,
    answers BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    serving_answers BIGINT NOT NULL,
    serving_failures BIGINT NOT NULL
);
