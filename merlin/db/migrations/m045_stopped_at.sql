-- When Telegram confirmed the end of a renewal in Stars; NULL for all others.
ALTER TABLE renewal ADD COLUMN stopped_at TEXT;
