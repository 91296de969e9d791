CREATE INDEX search_entry_words ON search_entry USING GIN (to_tsvector('simple', words))
    WHERE kind <> 'example';
CREATE INDEX search_entry_example ON search_entry USING GIN (to_tsvector('simple', words))
    WHERE kind = 'example';
