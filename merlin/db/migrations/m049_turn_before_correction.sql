-- The turn before a corrected question that continues a conversation; "" without one.
ALTER TABLE proposal ADD COLUMN before_question TEXT NOT NULL DEFAULT '';
ALTER TABLE proposal ADD COLUMN before_answer TEXT NOT NULL DEFAULT '';
