-- The votes of the judge that was asked last about an answer to a test question; '': none was.
ALTER TABLE proof_answer ADD COLUMN judge TEXT NOT NULL DEFAULT '';
ALTER TABLE proof_answer ADD COLUMN votes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE proof_answer ADD COLUMN right_votes BIGINT NOT NULL DEFAULT 0;
