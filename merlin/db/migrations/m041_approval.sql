-- Dangerous acts that wait for a second person, and who decided them.
CREATE TABLE approval (
    id NUMBERED,
    act TEXT NOT NULL,
    subject TEXT NOT NULL,
    arguments TEXT NOT NULL,
    told TEXT NOT NULL,
    asked_by BIGINT NOT NULL,
    asked_at TEXT NOT NULL,
    state TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    decided_at TEXT
);
CREATE INDEX approval_waiting ON approval (asked_at) WHERE state = 'waiting';
