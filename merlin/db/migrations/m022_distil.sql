-- A proposal may be a draft of a stronger model: from where, and what it cost.
ALTER TABLE proposal ADD COLUMN origin TEXT NOT NULL DEFAULT 'chat';
ALTER TABLE proposal ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE proposal ADD COLUMN cost_micro BIGINT NOT NULL DEFAULT 0;
ALTER TABLE proposal ADD COLUMN currency TEXT NOT NULL DEFAULT '';
