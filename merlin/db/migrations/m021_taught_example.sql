-- An example is one row for all builds in a row that teach it alike; `end_build` is the first
-- without it.
CREATE TABLE taught_example (
    dataset TEXT NOT NULL,
    example_id TEXT NOT NULL,
    first_build BIGINT NOT NULL REFERENCES build (id),
    end_build BIGINT NOT NULL,
    blob TEXT NOT NULL,
    commit_sha TEXT NOT NULL REFERENCES seen_commit (sha),
    author TEXT NOT NULL,
    split TEXT NOT NULL,
    tokens BIGINT NOT NULL,
    text_digest TEXT NOT NULL REFERENCES example_text (digest),
    PRIMARY KEY (dataset, example_id, first_build)
);
CREATE INDEX taught_example_commit ON taught_example (commit_sha);
DELETE FROM build_example WHERE build_id IN (SELECT id FROM build WHERE is_whole = 0);
DELETE FROM build WHERE is_whole = 0;
-- Rows of builds that follow each other and say the same are an island: their place among the
-- dataset's builds less their place among themselves is one number.
INSERT INTO taught_example
WITH line AS (
    SELECT id, ROW_NUMBER() OVER (PARTITION BY dataset ORDER BY id) AS place,
        COALESCE(LEAD(id) OVER (PARTITION BY dataset ORDER BY id), 9223372036854775807) AS next_id
    FROM build
), placed AS (
    SELECT e.*, line.next_id, line.place - ROW_NUMBER() OVER (
        PARTITION BY e.dataset, e.example_id, e.blob, e.commit_sha, e.author, e.split, e.tokens,
            e.text_digest
        ORDER BY line.place
    ) AS island
    FROM build_example e JOIN line ON line.id = e.build_id
)
SELECT dataset, example_id, MIN(build_id), MAX(next_id), blob, commit_sha, author, split, tokens,
    text_digest
FROM placed
GROUP BY dataset, example_id, blob, commit_sha, author, split, tokens, text_digest, island;
DROP TABLE build_example;
