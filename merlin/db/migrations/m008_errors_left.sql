-- The earlier commit that brought an error which this one left as it was, '' for its own.
ALTER TABLE finding ADD COLUMN brought_by TEXT NOT NULL DEFAULT '';
