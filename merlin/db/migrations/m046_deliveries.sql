-- How many messages of a broadcast were sent, blocked and failed, as JSON; NULL until it is reported.
ALTER TABLE broadcast ADD COLUMN deliveries TEXT;
