-- Letters in the same order on every machine: a cursor is compared with them.
CREATE INDEX course_order ON course (is_active, semester, slug COLLATE "C");
CREATE FUNCTION ledger_stays() RETURNS trigger AS $$
    BEGIN RAISE EXCEPTION 'the ledger is only added to'; END;
    $$ LANGUAGE plpgsql;
CREATE TRIGGER ledger_stays BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_stays();
CREATE INDEX example_entry_words ON example_entry USING GIN (to_tsvector('simple', words));
