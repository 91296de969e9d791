"""Steps 13 to 23: billing, withdrawn examples, proofs, distillation, statuses at the forge."""

from __future__ import annotations

from merlin.db.database import Database
from merlin.db.migrations.columns import spelled

# Step 13: what is bought, paid, granted, given back; plans for a time; codes; costs of answers.
#
# The ledger refuses to be changed, by the database itself.

_TABLES = """
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
"""
_SQLITE = """
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN
    SELECT RAISE(ABORT, 'the ledger is only added to'); \
    END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN
    SELECT RAISE(ABORT, 'the ledger is only added to'); \
    END;
"""
_POSTGRESQL = (
    """
    CREATE FUNCTION ledger_stays() RETURNS trigger AS $$
    BEGIN RAISE EXCEPTION 'the ledger is only added to'; END;
    $$ LANGUAGE plpgsql
    """,
    """
    CREATE TRIGGER ledger_stays BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_stays()
    """,
)


def m013_billing(db: Database) -> None:
    """Make the tables of what is bought."""
    db.script(spelled(db, _TABLES))
    if db.dialect == "sqlite":
        db.script(_SQLITE)
        return
    for statement in _POSTGRESQL:
        db.sql(statement)


# Step 14: what a commit left in a file's place, so that undoing it takes nothing newer away.


def m014_left(db: Database) -> None:
    """Keep the blob that a change's commit left; NULL for what was committed before this step."""
    db.script("ALTER TABLE change ADD COLUMN left_blob TEXT;")


# Step 15: which steps of a process fail by a bug, said in its heartbeat.


def m015_failing(db: Database) -> None:
    """Let a heartbeat say why each of its failing steps fails, as JSON."""
    db.script("ALTER TABLE heartbeat ADD COLUMN failing TEXT NOT NULL DEFAULT '{}';")


# Step 16: the names of examples whose person took the consent back.

_TABLE = """
CREATE TABLE revoked_example (
    dataset TEXT NOT NULL,
    example_id TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (dataset, example_id)
);
"""
_LEAVING = """
SELECT dataset, example_id, COALESCE(reviewed_at, at) FROM proposal
WHERE state = 'withdrawn' AND example_id <> ''
"""
# Those that a commit in Merlin's name took out before this step.
_LEFT = "SELECT dataset, path, created_at FROM change WHERE by_whom = 'merlin' AND kind = 'delete'"
_KEEP = """
INSERT INTO revoked_example (dataset, example_id, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING
"""


def m016_revoked(db: Database) -> None:
    """Keep the names of revoked examples; the daemon retires their models when it starts."""
    db.script(_TABLE)
    for dataset, example_id, at in db.sql(_LEAVING):
        db.sql(_KEEP, dataset, example_id, at)
    for dataset, path, at in db.sql(_LEFT):
        example_id = path.removeprefix(f"{dataset}/examples/").removesuffix(".yaml")
        db.sql(_KEEP, dataset, example_id, at)


# Step 17: how often the repository refused a change, so that one it will not take is parked.


def m017_refusals(db: Database) -> None:
    """Count the refusals of each change."""
    db.script("ALTER TABLE change ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;")


# Step 18: builds whose examples are still being written are told from whole ones.


def m018_whole_build(db: Database) -> None:
    """Mark a build as whole; what was recorded before this step is."""
    db.script("ALTER TABLE build ADD COLUMN is_whole BIGINT NOT NULL DEFAULT 1;")


# Step 19: which keys of people's texts each process holds.


def m019_key_holder(db: Database) -> None:
    """Make a row for each process that seals; `holds` is the keys' names, the sealing one first."""
    db.script(
        """
        CREATE TABLE key_holder (
            process TEXT NOT NULL,
            host TEXT NOT NULL,
            pid INTEGER NOT NULL,
            at TEXT NOT NULL,
            holds TEXT NOT NULL,
            PRIMARY KEY (process, host, pid)
        );
        """
    )


# Step 20: the answers of a model to its test questions, so that none is paid for twice.

_M020_TABLE = """
CREATE TABLE proof_answer (
    model_row BIGINT NOT NULL REFERENCES model (id),
    example_id TEXT NOT NULL,
    answer TEXT NOT NULL,
    known BIGINT,
    PRIMARY KEY (model_row, example_id)
);
"""


def m020_proof(db: Database) -> None:
    """Keep answers to test questions; `known` NULL: nobody said."""
    db.script(_M020_TABLE)


# Step 21: an example is one row for all builds in a row that teach it alike.

_M021_TABLE = """
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
DELETE FROM build_example WHERE build_id IN (SELECT id FROM build WHERE is_whole = 0);
DELETE FROM build WHERE is_whole = 0;
"""
# Rows of builds that follow each other and say the same are an island: their place among the
# dataset's builds less their place among themselves is one number.
_FILL = """
INSERT INTO taught_example
WITH line AS (
    SELECT id, ROW_NUMBER() OVER (PARTITION BY dataset ORDER BY id) AS place,
        COALESCE(LEAD(id) OVER (PARTITION BY dataset ORDER BY id), 9223372036854775807) AS next_id
    FROM build
), placed AS (
    SELECT e.*, line.next_id, line.place - ROW_NUMBER() OVER (
        PARTITION BY e.dataset, e.example_id, e.blob, e.commit_sha, e.author, e.split, e.tokens,
            e.text_digest
        ORDER BY line.place
    ) AS island
    FROM build_example e JOIN line ON line.id = e.build_id
)
SELECT dataset, example_id, MIN(build_id), MAX(next_id), blob, commit_sha, author, split, tokens,
    text_digest
FROM placed
GROUP BY dataset, example_id, blob, commit_sha, author, split, tokens, text_digest, island;
DROP TABLE build_example;
"""


def m021_taught_example(db: Database) -> None:
    """Keep of an example what changed from build to build; `end_build` is the first without it."""
    db.script(_M021_TABLE)
    db.script(_FILL)


# Step 22: a proposal may be a draft of a stronger model: from where, and what it cost.

_SCHEMA = """
ALTER TABLE proposal ADD COLUMN origin TEXT NOT NULL DEFAULT 'chat';
ALTER TABLE proposal ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE proposal ADD COLUMN cost_micro BIGINT NOT NULL DEFAULT 0;
ALTER TABLE proposal ADD COLUMN currency TEXT NOT NULL DEFAULT '';
"""


def m022_distil(db: Database) -> None:
    """Keep where a proposal comes from."""
    db.script(_SCHEMA)


# Step 23: which status the forge was told of a commit.

_M023_TABLE = """
CREATE TABLE commit_status (
    commit_sha TEXT NOT NULL,
    dataset TEXT NOT NULL,
    words TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (commit_sha, dataset)
);
"""


def m023_commit_status(db: Database) -> None:
    """Keep what was sent, and of which moment the verdict was; `words` empty: it was refused."""
    db.script(_M023_TABLE)


# In their order; a new one goes last.
STEPS = (
    m013_billing,
    m014_left,
    m015_failing,
    m016_revoked,
    m017_refusals,
    m018_whole_build,
    m019_key_holder,
    m020_proof,
    m021_taught_example,
    m022_distil,
    m023_commit_status,
)
