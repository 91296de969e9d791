-- Settle messages that earlier versions gave up after two attempts, so that retention deletes them.
UPDATE outgoing SET settled_at = created_at
WHERE state = 'unknown' AND tries >= 2 AND settled_at IS NULL;
