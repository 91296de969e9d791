-- The first schema. Statements for one kind of database are in the files beside it.

CREATE TABLE migration (
    name TEXT PRIMARY KEY,
    applied_at TEXT NOT NULL
);

-- From commits to the serving model, and the rows by which processes talk.
CREATE TABLE wake (id BIGINT PRIMARY KEY, counter BIGINT NOT NULL);
-- The changes that processes wait for; the catalogue's version; whether its courses are complete.
INSERT INTO wake (id, counter) VALUES (1, 0), (2, 1), (3, 1);
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
CREATE INDEX notice_key ON notice (key, handed_over_at);
CREATE TABLE heartbeat (
    process TEXT NOT NULL,
    host TEXT NOT NULL,
    pid BIGINT NOT NULL,
    since TEXT NOT NULL,
    at TEXT NOT NULL,
    step TEXT NOT NULL,
    counters TEXT NOT NULL,
    failing TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (process, host)
);
CREATE TABLE seen_commit (
    sha TEXT PRIMARY KEY,
    position BIGINT UNIQUE,
    author_name TEXT NOT NULL,
    author_email TEXT NOT NULL,
    committed_at TEXT NOT NULL,
    subject TEXT NOT NULL,
    message TEXT NOT NULL
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
CREATE TABLE example_text (
    digest TEXT PRIMARY KEY,
    messages TEXT NOT NULL,
    words TEXT NOT NULL
);
CREATE TABLE job (
    id NUMBERED,
    launch_key TEXT NOT NULL UNIQUE,
    training_key TEXT NOT NULL,
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
    updated_at TEXT NOT NULL,
    checkpoints TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX job_training_key ON job (training_key, attempt);
CREATE INDEX job_dataset ON job (dataset, id);
CREATE INDEX job_provider ON job (provider, created_at);
CREATE INDEX job_state ON job (state, id);
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
CREATE TABLE verdict (
    id NUMBERED,
    commit_sha TEXT NOT NULL REFERENCES seen_commit (sha),
    dataset TEXT NOT NULL,
    position BIGINT,
    status TEXT NOT NULL,
    training_key TEXT NOT NULL,
    spec TEXT,
    reason TEXT NOT NULL,
    arguments TEXT NOT NULL,
    build_id BIGINT REFERENCES build (id),
    job_id BIGINT REFERENCES job (id),
    seen_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    sent_status TEXT,
    sent_at TEXT,
    UNIQUE (commit_sha, dataset)
);
CREATE INDEX verdict_line ON verdict (dataset, position);
CREATE INDEX verdict_position ON verdict (position);
CREATE INDEX verdict_job ON verdict (job_id);
CREATE INDEX verdict_status ON verdict (status, dataset, position);
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
    created_at TEXT NOT NULL,
    questions BIGINT,
    right_count BIGINT,
    chrf DOUBLE PRECISION,
    applied TEXT NOT NULL DEFAULT ''
);
CREATE INDEX model_name ON model (model_id);
CREATE INDEX model_build ON model (build_id);
CREATE INDEX model_state ON model (state, id);
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
-- What comes from Telegram and goes to it, and the sessions that people have.
CREATE TABLE updates (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    update_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    chat_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    language_code TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    received_at TEXT NOT NULL,
    finished_at TEXT,
    UNIQUE (bot_id, update_id)
);
CREATE INDEX updates_waiting ON updates (bot_id, chat_id, id) WHERE state = 'waiting';
CREATE INDEX updates_user ON updates (user_id);
CREATE TABLE chat_lease (
    bot_id BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    owner TEXT NOT NULL,
    until TEXT NOT NULL,
    PRIMARY KEY (bot_id, chat_id)
);
CREATE INDEX chat_lease_held ON chat_lease (owner) WHERE owner <> '';
CREATE TABLE outgoing (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    chat_id BIGINT NOT NULL,
    update_id BIGINT,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    owner TEXT NOT NULL,
    message_id BIGINT,
    created_at TEXT NOT NULL,
    settled_at TEXT,
    sending_until TEXT,
    UNIQUE (bot_id, key)
);
CREATE INDEX outgoing_update ON outgoing (bot_id, update_id);
CREATE INDEX outgoing_chat ON outgoing (chat_id);
CREATE INDEX outgoing_open ON outgoing (bot_id, id)
    WHERE state IN ('pending', 'sending', 'unknown');
CREATE TABLE users (
    user_id BIGINT PRIMARY KEY,
    language_code TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
    language TEXT,
    zone TEXT,
    plan TEXT,
    is_blocked BIGINT NOT NULL DEFAULT 0,
    shown_name TEXT NOT NULL DEFAULT ''
);
CREATE INDEX users_newest ON users (first_seen_at, user_id);
CREATE TABLE chat_session (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    dataset TEXT,
    model_id TEXT,
    is_open BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    thread_id BIGINT NOT NULL DEFAULT 0,
    provider TEXT,
    title TEXT NOT NULL DEFAULT '',
    preset TEXT NOT NULL DEFAULT '',
    system TEXT NOT NULL DEFAULT '',
    used_tokens BIGINT NOT NULL DEFAULT 0,
    is_warned BIGINT NOT NULL DEFAULT 0,
    is_full BIGINT NOT NULL DEFAULT 0,
    last_used_at TEXT NOT NULL DEFAULT ''
);
CREATE INDEX chat_session_chat ON chat_session (chat_id);
CREATE UNIQUE INDEX chat_session_open ON chat_session (bot_id, chat_id, thread_id)
    WHERE is_open = 1;
CREATE INDEX chat_session_user ON chat_session (user_id);
CREATE TABLE turn (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    update_id BIGINT NOT NULL,
    session_id BIGINT NOT NULL REFERENCES chat_session (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    note TEXT NOT NULL,
    ending TEXT NOT NULL,
    placeholder_id BIGINT,
    provider TEXT NOT NULL,
    model_id TEXT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    asked_at TEXT NOT NULL,
    written_at TEXT,
    user_id BIGINT NOT NULL DEFAULT 0,
    question_id BIGINT NOT NULL DEFAULT 0,
    format TEXT NOT NULL DEFAULT 'text',
    model_role TEXT NOT NULL DEFAULT '',
    offer TEXT NOT NULL DEFAULT '',
    cost_micro BIGINT NOT NULL DEFAULT 0,
    currency TEXT NOT NULL DEFAULT '',
    is_replaced BIGINT NOT NULL DEFAULT 0,
    is_dismissed BIGINT NOT NULL DEFAULT 0,
    asker TEXT NOT NULL DEFAULT '',
    known BIGINT,
    nearest TEXT NOT NULL DEFAULT '',
    first_ms BIGINT,
    cached_tokens BIGINT NOT NULL DEFAULT 0,
    UNIQUE (bot_id, update_id)
);
CREATE INDEX turn_session ON turn (session_id, id);
CREATE INDEX turn_user ON turn (user_id);
CREATE INDEX turn_placeholder ON turn (placeholder_id) WHERE placeholder_id IS NOT NULL;
-- The answers of one model are found by their key, however many there are. The provider comes first,
-- so that a model's name alone never asks it: without statistics SQLite takes a name for rare, and
-- would read a million turns one by one.
CREATE INDEX turn_model ON turn (provider, model_id, id);
CREATE INDEX turn_asked ON turn (asked_at);
CREATE TABLE dialog (
    bot_id BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    step TEXT NOT NULL,
    said TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (bot_id, chat_id, user_id)
);
CREATE TABLE model_window (
    provider TEXT NOT NULL,
    model_id TEXT NOT NULL,
    tokens BIGINT NOT NULL,
    PRIMARY KEY (provider, model_id)
);
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
-- Edits that wait for their commit, and the datasets' files as editors see them.
CREATE TABLE change (
    id NUMBERED,
    change_id TEXT NOT NULL UNIQUE,
    batch TEXT NOT NULL,
    dataset TEXT NOT NULL,
    kind TEXT NOT NULL,
    path TEXT NOT NULL,
    before_blob TEXT,
    text TEXT,
    editor_name TEXT NOT NULL,
    editor_email TEXT NOT NULL,
    subject TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    arguments TEXT NOT NULL,
    commit_sha TEXT,
    reported_status TEXT NOT NULL,
    is_reported BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    committed_blob TEXT,
    refusals INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX change_batch ON change (batch, id);
CREATE INDEX change_by ON change (by_whom, id);
CREATE INDEX change_waiting ON change (id) WHERE state = 'waiting';
CREATE INDEX change_unreported ON change (id) WHERE state = 'committed' AND is_reported = 0;
-- What lies in the datasets' folders at the newest commit, as far as it may be read: a cache of git.
CREATE TABLE dataset_tree (
    dataset TEXT PRIMARY KEY,
    tree TEXT NOT NULL
);
CREATE TABLE dataset_file (
    dataset TEXT NOT NULL,
    path TEXT NOT NULL,
    blob TEXT NOT NULL,
    PRIMARY KEY (dataset, path)
);
CREATE INDEX dataset_file_blob ON dataset_file (blob);
CREATE TABLE dataset_text (
    blob TEXT PRIMARY KEY,
    text TEXT
);
CREATE TABLE role_grant (
    user_id BIGINT NOT NULL,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    PRIMARY KEY (user_id, role, scope)
);
CREATE TABLE audit (
    id NUMBERED,
    at TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    arguments TEXT NOT NULL
);
CREATE INDEX audit_target ON audit (target, id);
CREATE TABLE consent (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    text_version TEXT NOT NULL,
    given_at TEXT,
    revoked_at TEXT
);
CREATE UNIQUE INDEX consent_now ON consent (user_id) WHERE revoked_at IS NULL;
CREATE INDEX consent_user ON consent (user_id);
CREATE TABLE question_pack (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    format TEXT NOT NULL,
    amount BIGINT NOT NULL,
    expires_at TEXT,
    key TEXT NOT NULL UNIQUE
);
CREATE INDEX question_pack_user ON question_pack (user_id, format);
CREATE TABLE quota_use (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    update_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    format TEXT NOT NULL,
    state TEXT NOT NULL,
    pack_id BIGINT REFERENCES question_pack (id),
    day TEXT NOT NULL,
    month TEXT NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (bot_id, update_id)
);
CREATE INDEX quota_use_spent ON quota_use (user_id, month, format, day);
CREATE INDEX quota_use_pack ON quota_use (pack_id) WHERE pack_id IS NOT NULL;
CREATE INDEX quota_use_reserved ON quota_use (bot_id, at) WHERE state = 'reserved';
-- Courses, their teachers and their materials, as course.yaml tells them.
CREATE TABLE course (
    id NUMBERED,
    slug TEXT NOT NULL UNIQUE,
    semester BIGINT NOT NULL,
    name_ru TEXT NOT NULL,
    name_en TEXT NOT NULL,
    description_ru TEXT NOT NULL,
    description_en TEXT NOT NULL,
    is_active BIGINT NOT NULL,
    lecture BIGINT NOT NULL DEFAULT 0,
    seminar BIGINT NOT NULL DEFAULT 0,
    lab BIGINT NOT NULL DEFAULT 0,
    teachers TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE material (
    id NUMBERED,
    course_id BIGINT NOT NULL REFERENCES course (id),
    place BIGINT,
    lesson BIGINT NOT NULL,
    kind TEXT NOT NULL,
    title_ru TEXT NOT NULL,
    title_en TEXT NOT NULL,
    text_path TEXT NOT NULL,
    file_url TEXT NOT NULL
);
CREATE INDEX material_course ON material (course_id, place);
-- Ratings, corrections that wait for an editor, and what outlives an erasure.
CREATE TABLE rating (
    turn_id BIGINT NOT NULL REFERENCES turn (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (turn_id, user_id)
);
CREATE INDEX rating_user ON rating (user_id);
CREATE TABLE proposal (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    dataset TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    turn_id BIGINT NOT NULL,
    model_id TEXT NOT NULL,
    state TEXT NOT NULL,
    example_ids TEXT NOT NULL,
    change_id TEXT NOT NULL,
    removal_id TEXT NOT NULL,
    at TEXT NOT NULL,
    reviewed_at TEXT,
    origin TEXT NOT NULL DEFAULT 'chat',
    note TEXT NOT NULL DEFAULT '',
    rejected TEXT NOT NULL DEFAULT '',
    split TEXT NOT NULL DEFAULT '',
    before_question TEXT NOT NULL DEFAULT '',
    before_answer TEXT NOT NULL DEFAULT '',
    known_answer TEXT NOT NULL DEFAULT ''
);
CREATE INDEX proposal_state ON proposal (state, id);
CREATE INDEX proposal_user ON proposal (user_id);
CREATE TABLE blocked_pseudonym (
    pseudonym BIGINT PRIMARY KEY
);
-- Where in a chat the result of a request is waited for.
CREATE TABLE errand (
    bot_id BIGINT NOT NULL,
    request_id BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    update_id BIGINT NOT NULL,
    back TEXT NOT NULL,
    PRIMARY KEY (bot_id, request_id)
);
CREATE INDEX errand_chat ON errand (chat_id);
CREATE TABLE group_chat (
    bot_id BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    moved_to BIGINT NOT NULL,
    gone_at TEXT,
    PRIMARY KEY (bot_id, chat_id)
);
CREATE TABLE favourite (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    course_id BIGINT NOT NULL,
    UNIQUE (user_id, course_id)
);
CREATE TABLE account (
    user_id BIGINT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL
);
CREATE TABLE sign_in (
    id NUMBERED,
    token_hash TEXT NOT NULL UNIQUE,
    source TEXT UNIQUE,
    user_id BIGINT NOT NULL,
    method TEXT NOT NULL,
    at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE INDEX sign_in_user ON sign_in (user_id);
CREATE TABLE login_code (
    id NUMBERED,
    code_hash TEXT NOT NULL UNIQUE,
    browser_hash TEXT NOT NULL,
    number BIGINT NOT NULL,
    state TEXT NOT NULL,
    user_id BIGINT,
    at TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE INDEX login_code_end ON login_code (expires_at);
CREATE TABLE api_key (
    id NUMBERED,
    key_hash TEXT NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    label TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    last_used_at TEXT,
    revoked_at TEXT
);
CREATE INDEX api_key_user ON api_key (user_id);
-- What is bought, paid, granted, given back; plans for a time; costs of answers.
--
-- The ledger refuses to be changed, by the database itself.
CREATE TABLE purchase (
    id TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    gateway TEXT NOT NULL,
    promise TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    is_test BIGINT NOT NULL,
    contact TEXT NOT NULL,
    state TEXT NOT NULL,
    outside_id TEXT NOT NULL,
    pay_url TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    asked_at TEXT,
    next_poll_at TEXT,
    polls BIGINT NOT NULL
);
CREATE INDEX purchase_user ON purchase (user_id, created_at);
CREATE INDEX purchase_newest ON purchase (created_at, id);
CREATE INDEX purchase_poll ON purchase (next_poll_at) WHERE next_poll_at IS NOT NULL;
CREATE UNIQUE INDEX purchase_outside ON purchase (gateway, outside_id) WHERE outside_id <> '';
CREATE TABLE ledger (
    id NUMBERED,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    purchase_id TEXT NOT NULL REFERENCES purchase (id),
    gateway TEXT NOT NULL,
    refers BIGINT REFERENCES ledger (id),
    amount BIGINT NOT NULL CHECK (amount >= 0),
    currency TEXT NOT NULL,
    outside_id TEXT NOT NULL,
    at TEXT NOT NULL,
    source TEXT NOT NULL,
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
    key TEXT NOT NULL,
    grant_id BIGINT,
    by_whom TEXT NOT NULL,
    UNIQUE (user_id, key)
);
CREATE INDEX plan_term_ends ON plan_term (ends_at);
CREATE INDEX plan_term_user ON plan_term (user_id, ends_at);
CREATE TABLE refund (
    id TEXT PRIMARY KEY,
    purchase_id TEXT NOT NULL REFERENCES purchase (id),
    grant_id BIGINT NOT NULL REFERENCES ledger (id),
    gateway TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    state TEXT NOT NULL,
    at TEXT NOT NULL,
    next_poll_at TEXT,
    polls BIGINT NOT NULL,
    outside_id TEXT NOT NULL,
    trouble TEXT NOT NULL
);
CREATE INDEX refund_purchase ON refund (purchase_id);
CREATE INDEX refund_poll ON refund (gateway, next_poll_at) WHERE next_poll_at IS NOT NULL;
CREATE TABLE answer_cost (
    day TEXT NOT NULL,
    currency TEXT NOT NULL,
    micro BIGINT NOT NULL,
    PRIMARY KEY (day, currency)
);
-- The names of examples whose person took the consent back; the daemon retires their models when
-- it starts.
CREATE TABLE revoked_example (
    dataset TEXT NOT NULL,
    example_id TEXT NOT NULL,
    PRIMARY KEY (dataset, example_id)
);
-- The answers of a model to its test questions, so that none is paid for twice; `known` NULL: nobody
-- said. `base_answer`: that of its untrained base, asked for a dataset's first model only.
CREATE TABLE proof_answer (
    model_row BIGINT NOT NULL REFERENCES model (id),
    example_id TEXT NOT NULL,
    answer TEXT NOT NULL,
    known BIGINT,
    base_answer TEXT,
    PRIMARY KEY (model_row, example_id)
);
-- An example is one row for all builds in a row that teach it alike; `end_build` is the first
-- without it.
CREATE TABLE taught_example (
    dataset TEXT NOT NULL,
    example_id TEXT NOT NULL,
    first_build BIGINT NOT NULL REFERENCES build (id),
    end_build BIGINT NOT NULL,
    blob TEXT NOT NULL,
    commit_sha TEXT NOT NULL REFERENCES seen_commit (sha),
    author TEXT NOT NULL,
    split TEXT NOT NULL,
    tokens BIGINT NOT NULL,
    text_digest TEXT NOT NULL REFERENCES example_text (digest),
    PRIMARY KEY (dataset, example_id, first_build)
);
CREATE INDEX taught_example_commit ON taught_example (commit_sha);
-- What is searched and filtered of the datasets' examples. SQLite keeps an index beside the table by
-- triggers, PostgreSQL one over an expression.
CREATE TABLE example_entry (
    id NUMBERED,
    dataset TEXT NOT NULL,
    path TEXT NOT NULL,
    example_id TEXT NOT NULL,
    blob TEXT NOT NULL,
    words TEXT NOT NULL,
    tags TEXT NOT NULL DEFAULT '',
    UNIQUE (dataset, path)
);
CREATE INDEX example_entry_newest ON example_entry (dataset, id);
-- Which test questions an editor lets a model lose, for the gate; the digest is of the question and
-- its answer.
CREATE TABLE accepted_loss (
    dataset TEXT NOT NULL,
    question_digest TEXT NOT NULL,
    PRIMARY KEY (dataset, question_digest)
);
