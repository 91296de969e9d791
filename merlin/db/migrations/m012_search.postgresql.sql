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
