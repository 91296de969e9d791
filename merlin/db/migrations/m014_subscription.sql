-- An order in Stars that Telegram charges every month, and what Telegram is still to be told of it.
CREATE TABLE subscription (
    purchase_id TEXT PRIMARY KEY REFERENCES purchase (id),
    ends_at TEXT NOT NULL,
    state TEXT NOT NULL,
    wanted TEXT,
    trouble TEXT NOT NULL,
    next_poll_at TEXT,
    polls BIGINT NOT NULL
);
CREATE INDEX subscription_poll ON subscription (next_poll_at) WHERE next_poll_at IS NOT NULL;
