-- Courses, their teachers and their materials, as course.yaml tells them.
--
-- A database that knows commits already has courses that were never looked at: its index is not
-- whole, so the daemon looks at them all once.
CREATE TABLE course (
    id NUMBERED,
    slug TEXT NOT NULL UNIQUE,
    semester BIGINT NOT NULL,
    name_ru TEXT NOT NULL,
    name_en TEXT NOT NULL,
    description_ru TEXT NOT NULL,
    description_en TEXT NOT NULL,
    is_active BIGINT NOT NULL,
    indexed_at TEXT NOT NULL
);
CREATE TABLE course_teacher (
    course_id BIGINT NOT NULL REFERENCES course (id),
    place BIGINT NOT NULL,
    teacher TEXT NOT NULL,
    PRIMARY KEY (course_id, place)
);
CREATE INDEX course_teacher_name ON course_teacher (teacher);
CREATE TABLE material (
    id NUMBERED,
    course_id BIGINT NOT NULL REFERENCES course (id),
    place BIGINT,
    lesson BIGINT NOT NULL,
    kind TEXT NOT NULL,
    title_ru TEXT NOT NULL,
    title_en TEXT NOT NULL,
    text_path TEXT NOT NULL,
    file_url TEXT NOT NULL
);
CREATE INDEX material_course ON material (course_id, place);
CREATE TABLE course_index (id BIGINT PRIMARY KEY, is_whole BIGINT NOT NULL);
INSERT INTO course_index (id, is_whole)
    SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM seen_commit) THEN 0 ELSE 1 END;
