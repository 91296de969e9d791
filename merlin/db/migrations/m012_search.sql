-- The words of courses as search finds them; how many materials each has; their order.
--
-- SQLite keeps two indexes beside the table by triggers: of stems, and of every three letters.
-- PostgreSQL has one over an expression. A database that has courses already gets their words when
-- the daemon looks at all datasets next: its index of courses is no longer whole.
ALTER TABLE course ADD COLUMN lecture BIGINT NOT NULL DEFAULT 0;
ALTER TABLE course ADD COLUMN seminar BIGINT NOT NULL DEFAULT 0;
ALTER TABLE course ADD COLUMN lab BIGINT NOT NULL DEFAULT 0;
UPDATE course SET
    lecture = (
        SELECT COUNT(*) FROM material
        WHERE course_id = course.id AND place IS NOT NULL AND kind = 'lecture'
    ),
    seminar = (
        SELECT COUNT(*) FROM material
        WHERE course_id = course.id AND place IS NOT NULL AND kind = 'seminar'
    ),
    lab = (
        SELECT COUNT(*) FROM material
        WHERE course_id = course.id AND place IS NOT NULL AND kind = 'lab'
    );
UPDATE course_index SET is_whole = 0 WHERE EXISTS (SELECT 1 FROM course);
