-- How many test questions a model answered rightly; NULL in evaluations by earlier versions.
ALTER TABLE evaluation ADD COLUMN right_count INTEGER;
