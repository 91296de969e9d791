-- The names of examples whose person took the consent back; the daemon retires their models when
-- it starts.
CREATE TABLE revoked_example (
    dataset TEXT NOT NULL,
    example_id TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (dataset, example_id)
);
INSERT INTO revoked_example (dataset, example_id, at)
    SELECT dataset, example_id, COALESCE(reviewed_at, at) FROM proposal
    WHERE state = 'withdrawn' AND example_id <> ''
    ON CONFLICT DO NOTHING;
-- Those that a commit in Merlin's name took out before this step: DATASET/examples/ID.yaml.
INSERT INTO revoked_example (dataset, example_id, at)
    SELECT dataset, SUBSTR(path, LENGTH(dataset) + 11, LENGTH(path) - LENGTH(dataset) - 15),
        created_at
    FROM change
    WHERE by_whom = 'merlin' AND kind = 'delete'
        AND SUBSTR(path, LENGTH(dataset) + 1, 10) = '/examples/'
    ON CONFLICT DO NOTHING;
