-- What is bought, paid, granted, given back; plans for a time; codes; costs of answers.
--
-- The ledger refuses to be changed, by the database itself.
CREATE TABLE purchase (
    id TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    till TEXT NOT NULL,
    plan TEXT NOT NULL,
    promise TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    is_test BIGINT NOT NULL,
    contact TEXT NOT NULL,
    promo TEXT NOT NULL,
    keeps_method BIGINT NOT NULL,
    renewal_id BIGINT,
    state TEXT NOT NULL,
    outside_id TEXT NOT NULL,
    pay_url TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    asked_at TEXT,
    look_at TEXT,
    looks BIGINT NOT NULL
);
CREATE INDEX purchase_user ON purchase (user_id, created_at);
CREATE INDEX purchase_newest ON purchase (created_at, id);
CREATE INDEX purchase_look ON purchase (look_at) WHERE look_at IS NOT NULL;
CREATE UNIQUE INDEX purchase_outside ON purchase (till, outside_id) WHERE outside_id <> '';
CREATE TABLE ledger (
    id NUMBERED,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    purchase_id TEXT NOT NULL REFERENCES purchase (id),
    till TEXT NOT NULL,
    refers BIGINT REFERENCES ledger (id),
    amount BIGINT NOT NULL CHECK (amount >= 0),
    currency TEXT NOT NULL,
    outside_id TEXT NOT NULL,
    at TEXT NOT NULL,
    by_what TEXT NOT NULL,
    reason TEXT NOT NULL,
    is_test BIGINT NOT NULL
);
CREATE INDEX ledger_purchase ON ledger (purchase_id);
CREATE INDEX ledger_refers ON ledger (refers);
CREATE INDEX ledger_at ON ledger (at);
CREATE TABLE plan_term (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    plan TEXT NOT NULL,
    starts_at TEXT NOT NULL,
    ends_at TEXT NOT NULL,
    source TEXT NOT NULL,
    key TEXT NOT NULL,
    grant_id BIGINT,
    by_whom TEXT NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (user_id, key)
);
CREATE INDEX plan_term_ends ON plan_term (ends_at);
CREATE INDEX plan_term_user ON plan_term (user_id, ends_at);
CREATE TABLE refund (
    id TEXT PRIMARY KEY,
    purchase_id TEXT NOT NULL REFERENCES purchase (id),
    grant_id BIGINT NOT NULL REFERENCES ledger (id),
    till TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    state TEXT NOT NULL,
    at TEXT NOT NULL,
    look_at TEXT,
    looks BIGINT NOT NULL,
    outside_id TEXT NOT NULL,
    trouble TEXT NOT NULL
);
CREATE INDEX refund_purchase ON refund (purchase_id);
CREATE INDEX refund_look ON refund (till, look_at) WHERE look_at IS NOT NULL;
CREATE TABLE renewal (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    plan TEXT NOT NULL,
    till TEXT NOT NULL,
    method TEXT NOT NULL,
    method_title TEXT NOT NULL,
    contact TEXT NOT NULL,
    state TEXT NOT NULL,
    consented_at TEXT NOT NULL,
    next_at TEXT NOT NULL,
    tries BIGINT NOT NULL,
    reminded_for TEXT NOT NULL,
    UNIQUE (user_id, plan)
);
CREATE INDEX renewal_next ON renewal (state, next_at);
CREATE TABLE promo (
    id NUMBERED,
    code TEXT NOT NULL UNIQUE,
    plan TEXT NOT NULL,
    days BIGINT NOT NULL,
    percent BIGINT NOT NULL,
    most_uses BIGINT,
    ends_at TEXT,
    by_whom TEXT NOT NULL,
    at TEXT NOT NULL,
    stopped_at TEXT
);
CREATE TABLE promo_use (
    id NUMBERED,
    promo_id BIGINT NOT NULL REFERENCES promo (id),
    user_id BIGINT NOT NULL,
    purchase_id TEXT,
    at TEXT NOT NULL
);
CREATE UNIQUE INDEX promo_use_once ON promo_use (promo_id, user_id) WHERE user_id <> 0;
CREATE INDEX promo_use_user ON promo_use (user_id);
CREATE INDEX promo_use_purchase ON promo_use (purchase_id);
CREATE TABLE answer_cost (
    day TEXT NOT NULL,
    mark TEXT NOT NULL,
    currency TEXT NOT NULL,
    micro BIGINT NOT NULL,
    PRIMARY KEY (day, mark, currency)
);
ALTER TABLE quota_use ADD COLUMN scope TEXT NOT NULL DEFAULT '';
