"""Steps 1 to 5: datasets, builds, jobs and models; the chat; edits in the chat."""

from __future__ import annotations

from merlin.db.database import Database
from merlin.db.migrations.columns import spelled

# Step 1: from commits to the serving model, and the rows by which processes talk.

_TALK = """
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
"""

_BUILDS = """
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
"""

_JOBS = """
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
"""

_MODELS = """
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
"""


def m001_pipeline(db: Database) -> None:
    """Keep commits, builds, jobs and models, and what processes ask and tell each other."""
    for schema in (_TALK, _BUILDS, _JOBS, _MODELS):
        db.script(spelled(db, schema))


# Step 2: what comes from Telegram and goes to it, and the sessions that people have.

_INBOX = """
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
    UNIQUE (bot_id, key)
);
CREATE INDEX outgoing_update ON outgoing (bot_id, update_id);
CREATE INDEX outgoing_chat ON outgoing (chat_id);
CREATE INDEX outgoing_open ON outgoing (bot_id, id)
    WHERE state IN ('pending', 'sending', 'unknown');
"""

_CHAT = """
CREATE TABLE users (
    user_id BIGINT PRIMARY KEY,
    language_code TEXT NOT NULL,
    is_reachable BIGINT NOT NULL,
    first_seen_at TEXT NOT NULL
);
CREATE TABLE chat_session (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    dataset TEXT,
    model_id TEXT,
    is_open BIGINT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE UNIQUE INDEX chat_session_open ON chat_session (bot_id, chat_id) WHERE is_open = 1;
CREATE INDEX chat_session_chat ON chat_session (chat_id);
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
    UNIQUE (bot_id, update_id)
);
CREATE INDEX turn_session ON turn (session_id, id);
"""


def m002_chat(db: Database) -> None:
    """Keep updates, leases of chats, outgoing messages, users, sessions and turns."""
    for schema in (_INBOX, _CHAT):
        db.script(spelled(db, schema))


# Step 3: which commits carry which git note.

_NOTED = """
CREATE TABLE noted (
    commit_sha TEXT PRIMARY KEY,
    words TEXT NOT NULL,
    at TEXT NOT NULL
);
"""


def m003_noted(db: Database) -> None:
    """Make the table of notes."""
    db.script(_NOTED)


# Step 4: many sessions a chat, what a turn cost, dialogs, people's own presets, windows.

_SESSION = """
ALTER TABLE chat_session ADD COLUMN thread_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_session ADD COLUMN provider TEXT;
ALTER TABLE chat_session ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_session ADD COLUMN preset TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_session ADD COLUMN system TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_session ADD COLUMN summary TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_session ADD COLUMN used_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_session ADD COLUMN is_warned BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_session ADD COLUMN is_full BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_session ADD COLUMN touched_at TEXT NOT NULL DEFAULT '';
UPDATE chat_session SET touched_at = created_at
    WHERE EXISTS (SELECT 1 FROM turn WHERE turn.session_id = chat_session.id);
DROP INDEX chat_session_open;
CREATE UNIQUE INDEX chat_session_open ON chat_session (bot_id, chat_id, thread_id)
    WHERE is_open = 1;
CREATE INDEX chat_session_user ON chat_session (user_id);
"""

_TURN = """
ALTER TABLE turn ADD COLUMN user_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE turn ADD COLUMN question_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE turn ADD COLUMN format TEXT NOT NULL DEFAULT 'text';
ALTER TABLE turn ADD COLUMN standing TEXT NOT NULL DEFAULT '';
ALTER TABLE turn ADD COLUMN offer TEXT NOT NULL DEFAULT '';
ALTER TABLE turn ADD COLUMN cost_micro BIGINT NOT NULL DEFAULT 0;
ALTER TABLE turn ADD COLUMN currency TEXT NOT NULL DEFAULT '';
ALTER TABLE turn ADD COLUMN is_replaced BIGINT NOT NULL DEFAULT 0;
UPDATE turn SET user_id = (SELECT user_id FROM chat_session WHERE id = turn.session_id);
CREATE INDEX turn_user ON turn (user_id);
"""

_NEW = """
CREATE TABLE dialog (
    bot_id BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    step TEXT NOT NULL,
    said TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (bot_id, chat_id, user_id)
);
CREATE TABLE preset (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    prompt TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX preset_user ON preset (user_id);
CREATE TABLE model_window (
    provider TEXT NOT NULL,
    model_id TEXT NOT NULL,
    tokens BIGINT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (provider, model_id)
);
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at TEXT NOT NULL
);
"""


def m004_talk(db: Database) -> None:
    """Keep several sessions a chat, and what people choose in them."""
    for schema in (_SESSION, _TURN, _NEW):
        db.script(spelled(db, schema))


# Step 5: edits that wait for their commit, and the datasets' files as editors see them.

_CHANGE = """
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
    theirs TEXT,
    theirs_blob TEXT,
    told_word TEXT NOT NULL,
    is_told BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE INDEX change_batch ON change (batch, id);
CREATE INDEX change_by ON change (by_whom, id);
CREATE INDEX change_waiting ON change (id) WHERE state = 'waiting';
CREATE INDEX change_untold ON change (id) WHERE state = 'committed' AND is_told = 0;
"""

# What lies in the datasets' folders at the newest commit, as far as it may be read: a cache of git.
_FILES = """
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
"""


def m005_changes(db: Database) -> None:
    """Keep changes and the datasets' files."""
    for schema in (_CHANGE, _FILES):
        db.script(spelled(db, schema))


# In their order; a new one goes last.
STEPS = (
    m001_pipeline,
    m002_chat,
    m003_noted,
    m004_talk,
    m005_changes,
)
