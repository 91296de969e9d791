-- The examples behind rated answers, with the text that the model was trained on: found when the rating is
-- stored, because an answer is encrypted.
CREATE TABLE rated_example (
    dataset TEXT NOT NULL,
    example_id TEXT NOT NULL,
    turn_id BIGINT NOT NULL REFERENCES turn (id) ON DELETE CASCADE,
    text_digest TEXT NOT NULL,
    PRIMARY KEY (dataset, example_id, turn_id)
);
CREATE INDEX rated_example_turn ON rated_example (turn_id);
