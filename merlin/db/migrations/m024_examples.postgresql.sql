CREATE INDEX example_entry_words ON example_entry USING GIN (to_tsvector('simple', words));
