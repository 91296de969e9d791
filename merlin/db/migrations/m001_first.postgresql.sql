CREATE TABLE search_entry (
    id BIGINT PRIMARY KEY,
    course_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    letters TEXT NOT NULL
);
CREATE INDEX search_entry_course ON search_entry (course_id);
CREATE INDEX search_entry_stem ON search_entry USING GIN ((
    setweight(to_tsvector('simple', name), 'A') || setweight(to_tsvector('simple', body), 'D')
));
-- Letters in the same order on every machine: a cursor is compared with them.
CREATE INDEX course_order ON course (is_active, semester, slug COLLATE "C");
CREATE FUNCTION ledger_stays() RETURNS trigger AS $$
    BEGIN RAISE EXCEPTION 'the ledger is only added to'; END;
    $$ LANGUAGE plpgsql;
CREATE TRIGGER ledger_stays BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_stays();
CREATE INDEX example_entry_words ON example_entry USING GIN (to_tsvector('simple', words));
