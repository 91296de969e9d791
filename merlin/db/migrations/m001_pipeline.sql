-- From commits to the serving model, and the rows by which processes talk.
CREATE TABLE wake (id BIGINT PRIMARY KEY, counter BIGINT NOT NULL);
INSERT INTO wake (id, counter) VALUES (1, 0);
CREATE TABLE intent (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    outside_id TEXT NOT NULL,
    sent_at TEXT,
    empty_finds BIGINT NOT NULL
);
CREATE TABLE request (
    id NUMBERED,
    kind TEXT NOT NULL,
    arguments TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at TEXT NOT NULL,
    result TEXT NOT NULL
);
CREATE INDEX request_state ON request (state, id);
CREATE TABLE notice (
    id NUMBERED,
    to_whom TEXT NOT NULL,
    key TEXT NOT NULL,
    arguments TEXT NOT NULL,
    once TEXT UNIQUE,
    created_at TEXT NOT NULL,
    handed_over_at TEXT
);
CREATE INDEX notice_waiting ON notice (id) WHERE handed_over_at IS NULL;
CREATE TABLE heartbeat (
    process TEXT NOT NULL,
    host TEXT NOT NULL,
    pid BIGINT NOT NULL,
    since TEXT NOT NULL,
    at TEXT NOT NULL,
    step TEXT NOT NULL,
    counters TEXT NOT NULL,
    PRIMARY KEY (process, host)
);
CREATE TABLE seen_commit (
    sha TEXT PRIMARY KEY,
    parent TEXT,
    position BIGINT UNIQUE,
    author_name TEXT NOT NULL,
    author_email TEXT NOT NULL,
    committed_at TEXT NOT NULL,
    subject TEXT NOT NULL,
    message TEXT NOT NULL,
    seen_at TEXT NOT NULL
);
CREATE INDEX seen_commit_line ON seen_commit (position, sha);
CREATE TABLE build (
    id NUMBERED,
    dataset TEXT NOT NULL,
    number BIGINT NOT NULL,
    digest TEXT NOT NULL,
    folder TEXT NOT NULL,
    system TEXT NOT NULL,
    train BIGINT NOT NULL,
    test BIGINT NOT NULL,
    train_tokens BIGINT NOT NULL,
    test_tokens BIGINT NOT NULL,
    manifest TEXT NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE (dataset, number),
    UNIQUE (dataset, digest)
);
CREATE TABLE example (
    dataset TEXT NOT NULL,
    example_id TEXT NOT NULL,
    blob TEXT NOT NULL,
    commit_sha TEXT NOT NULL REFERENCES seen_commit (sha),
    author TEXT NOT NULL,
    PRIMARY KEY (dataset, example_id)
);
CREATE TABLE example_text (
    digest TEXT PRIMARY KEY,
    messages TEXT NOT NULL,
    words TEXT NOT NULL
);
CREATE TABLE build_example (
    build_id BIGINT NOT NULL REFERENCES build (id),
    dataset TEXT NOT NULL,
    example_id TEXT NOT NULL,
    blob TEXT NOT NULL,
    commit_sha TEXT NOT NULL REFERENCES seen_commit (sha),
    author TEXT NOT NULL,
    split TEXT NOT NULL,
    tokens BIGINT NOT NULL,
    text_digest TEXT NOT NULL REFERENCES example_text (digest),
    PRIMARY KEY (build_id, example_id)
);
CREATE INDEX build_example_lineage ON build_example (dataset, example_id);
CREATE TABLE job (
    id NUMBERED,
    launch_key TEXT NOT NULL UNIQUE,
    wish TEXT NOT NULL,
    dataset TEXT NOT NULL,
    build_id BIGINT NOT NULL REFERENCES build (id),
    provider TEXT NOT NULL,
    recipe TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    state TEXT NOT NULL,
    provider_job_id TEXT NOT NULL,
    status TEXT NOT NULL,
    model_id TEXT,
    trained_tokens BIGINT NOT NULL,
    estimate_micro BIGINT NOT NULL,
    currency TEXT NOT NULL,
    error TEXT NOT NULL,
    not_before TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE INDEX job_wish ON job (wish, attempt);
CREATE INDEX job_dataset ON job (dataset, id);
CREATE INDEX job_provider ON job (provider, created_at);
CREATE INDEX job_state ON job (state, id);
CREATE TABLE job_change (
    id NUMBERED,
    job_id BIGINT NOT NULL REFERENCES job (id),
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX job_change_job ON job_change (job_id);
CREATE TABLE job_event (
    id NUMBERED,
    job_id BIGINT NOT NULL REFERENCES job (id),
    event_id TEXT NOT NULL,
    at TEXT NOT NULL,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (job_id, event_id)
);
CREATE TABLE checkpoint (
    job_id BIGINT NOT NULL REFERENCES job (id),
    model_id TEXT NOT NULL,
    step BIGINT NOT NULL,
    metrics TEXT NOT NULL,
    PRIMARY KEY (job_id, model_id)
);
CREATE TABLE verdict (
    id NUMBERED,
    commit_sha TEXT NOT NULL REFERENCES seen_commit (sha),
    dataset TEXT NOT NULL,
    position BIGINT,
    word TEXT NOT NULL,
    wish TEXT NOT NULL,
    spec TEXT,
    reason TEXT NOT NULL,
    arguments TEXT NOT NULL,
    build_id BIGINT REFERENCES build (id),
    job_id BIGINT REFERENCES job (id),
    seen_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (commit_sha, dataset)
);
CREATE INDEX verdict_line ON verdict (dataset, position);
CREATE INDEX verdict_position ON verdict (position);
CREATE INDEX verdict_job ON verdict (job_id);
CREATE INDEX verdict_word ON verdict (word, dataset, position);
CREATE TABLE finding (
    id NUMBERED,
    verdict_id BIGINT NOT NULL REFERENCES verdict (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    line BIGINT NOT NULL,
    col BIGINT NOT NULL,
    rule TEXT NOT NULL,
    severity TEXT NOT NULL,
    arguments TEXT NOT NULL
);
CREATE INDEX finding_verdict ON finding (verdict_id);
CREATE TABLE model (
    id NUMBERED,
    provider TEXT NOT NULL,
    model_id TEXT NOT NULL,
    dataset TEXT NOT NULL,
    build_id BIGINT NOT NULL REFERENCES build (id),
    job_id BIGINT NOT NULL UNIQUE REFERENCES job (id),
    state TEXT NOT NULL,
    probes BIGINT NOT NULL,
    not_before TEXT,
    note TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX model_name ON model (model_id);
CREATE INDEX model_build ON model (build_id);
CREATE INDEX model_state ON model (state, id);
CREATE TABLE evaluation (
    model_row BIGINT PRIMARY KEY REFERENCES model (id),
    questions BIGINT NOT NULL,
    chrf DOUBLE PRECISION NOT NULL,
    equal_share DOUBLE PRECISION NOT NULL,
    unknown_share DOUBLE PRECISION NOT NULL,
    at TEXT NOT NULL
);
CREATE TABLE serving (
    dataset TEXT PRIMARY KEY,
    model_row BIGINT NOT NULL REFERENCES model (id),
    since TEXT NOT NULL,
    position BIGINT NOT NULL,
    is_pinned BIGINT NOT NULL
);
CREATE TABLE promotion (
    id NUMBERED,
    dataset TEXT NOT NULL,
    from_model TEXT,
    to_model TEXT NOT NULL,
    why TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX promotion_dataset ON promotion (dataset, id);
