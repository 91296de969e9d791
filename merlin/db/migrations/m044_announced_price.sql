-- The price in kopecks that the last reminder of a renewal announced; NULL before a reminder.
ALTER TABLE renewal ADD COLUMN announced_price INTEGER;
