-- The zone in which a person's day is counted until a border of a day, after they chose another.
ALTER TABLE person ADD COLUMN day_zone TEXT;
ALTER TABLE person ADD COLUMN day_zone_until TEXT;
