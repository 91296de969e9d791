"""Steps 6 to 12: accounts, courses, ratings, broadcasts, groups, sign-in on the web, search."""

from __future__ import annotations

from merlin.db.database import Database
from merlin.db.migrations.columns import spelled

# Step 6: what people chose, what they may do and have allowed, what they used of their plan.

_USERS = """
ALTER TABLE users ADD COLUMN language TEXT;
ALTER TABLE users ADD COLUMN zone TEXT;
ALTER TABLE users ADD COLUMN plan TEXT;
ALTER TABLE users ADD COLUMN is_blocked BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN shown_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN terms_seen TEXT NOT NULL DEFAULT '';
CREATE INDEX users_newest ON users (first_seen_at, user_id);
CREATE TABLE role_grant (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at TEXT NOT NULL,
    revoked_at TEXT
);
CREATE UNIQUE INDEX role_grant_now ON role_grant (user_id, role, scope)
    WHERE revoked_at IS NULL;
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
    kind TEXT NOT NULL,
    text_version TEXT NOT NULL,
    given_at TEXT,
    revoked_at TEXT
);
CREATE UNIQUE INDEX consent_now ON consent (user_id, kind) WHERE revoked_at IS NULL;
CREATE INDEX consent_user ON consent (user_id);
"""

_QUOTA = """
CREATE TABLE quota_gift (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    format TEXT NOT NULL,
    amount BIGINT NOT NULL,
    expires_at TEXT,
    by_whom TEXT NOT NULL,
    reason TEXT NOT NULL,
    key TEXT UNIQUE,
    at TEXT NOT NULL
);
CREATE INDEX quota_gift_user ON quota_gift (user_id, format);
CREATE TABLE quota_use (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    update_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    format TEXT NOT NULL,
    state TEXT NOT NULL,
    gift_id BIGINT REFERENCES quota_gift (id),
    day TEXT NOT NULL,
    month TEXT NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (bot_id, update_id)
);
CREATE INDEX quota_use_spent ON quota_use (user_id, month, format, day);
CREATE INDEX quota_use_gift ON quota_use (gift_id) WHERE gift_id IS NOT NULL;
"""


def m006_accounts(db: Database) -> None:
    """Widen users; keep roles, the audit, consents, gifts and uses."""
    for schema in (_USERS, _QUOTA):
        db.script(spelled(db, schema))


# Step 7: courses, their teachers and their materials, as course.yaml tells them.
#
# A database that knows commits already has courses that were never looked at: its index is not
# whole, so the daemon looks at them all once.

_COURSES = """
CREATE TABLE course (
    id NUMBERED,
    slug TEXT NOT NULL UNIQUE,
    semester BIGINT NOT NULL,
    name_ru TEXT NOT NULL,
    name_en TEXT NOT NULL,
    description_ru TEXT NOT NULL,
    description_en TEXT NOT NULL,
    is_active BIGINT NOT NULL,
    indexed_at TEXT NOT NULL
);
CREATE TABLE course_teacher (
    course_id BIGINT NOT NULL REFERENCES course (id),
    place BIGINT NOT NULL,
    teacher TEXT NOT NULL,
    PRIMARY KEY (course_id, place)
);
CREATE INDEX course_teacher_name ON course_teacher (teacher);
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
CREATE TABLE course_index (id BIGINT PRIMARY KEY, is_whole BIGINT NOT NULL);
INSERT INTO course_index (id, is_whole)
    SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM seen_commit) THEN 0 ELSE 1 END;
"""


def m007_courses(db: Database) -> None:
    """Make the tables of courses."""
    db.script(spelled(db, _COURSES))


# Step 8: ratings, corrections that wait for an editor, and what outlives an erasure.

_RATINGS = """
CREATE TABLE rating (
    turn_id BIGINT NOT NULL REFERENCES turn (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL,
    value TEXT NOT NULL,
    at TEXT NOT NULL,
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
    example_id TEXT NOT NULL,
    change_id TEXT NOT NULL,
    removal_id TEXT NOT NULL,
    reviewed_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    is_thanked BIGINT NOT NULL,
    at TEXT NOT NULL,
    reviewed_at TEXT
);
CREATE INDEX proposal_state ON proposal (state, id);
CREATE INDEX proposal_user ON proposal (user_id);
CREATE INDEX turn_placeholder ON turn (placeholder_id) WHERE placeholder_id IS NOT NULL;
"""

_LEFT = """
CREATE TABLE left_behind (
    mark TEXT NOT NULL,
    format TEXT NOT NULL,
    day TEXT NOT NULL,
    day_used BIGINT NOT NULL,
    month TEXT NOT NULL,
    month_used BIGINT NOT NULL,
    until TEXT NOT NULL,
    PRIMARY KEY (mark, format)
);
CREATE INDEX left_behind_until ON left_behind (until);
"""


def m008_ratings(db: Database) -> None:
    """Keep ratings, proposed examples, and what somebody who left had used."""
    for schema in (_RATINGS, _LEFT):
        db.script(spelled(db, schema))


# Step 9: broadcasts, and where in a chat the result of a request is waited for.

_BROADCAST = """
CREATE TABLE broadcast (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    by_user BIGINT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    language TEXT NOT NULL,
    cursor_id BIGINT NOT NULL,
    total BIGINT NOT NULL,
    is_whole BIGINT NOT NULL,
    moved_at TEXT,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT
);
CREATE INDEX broadcast_open ON broadcast (bot_id, id)
    WHERE started_at IS NOT NULL AND ended_at IS NULL;
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
CREATE INDEX notice_key ON notice (key, handed_over_at);
"""


def m009_broadcast(db: Database) -> None:
    """Keep broadcasts and errands."""
    db.script(spelled(db, _BROADCAST))


# Step 10: what groups chose, who asked in them, and questions that were typed in inline mode.

_GROUPS = """
ALTER TABLE turn ADD COLUMN asker TEXT NOT NULL DEFAULT '';
CREATE TABLE group_setting (
    bot_id BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    hears TEXT NOT NULL,
    dataset TEXT,
    language TEXT,
    is_open BIGINT NOT NULL,
    moved_to BIGINT NOT NULL,
    gone_at TEXT,
    PRIMARY KEY (bot_id, chat_id)
);
CREATE TABLE inline_question (
    id NUMBERED,
    bot_id BIGINT NOT NULL,
    token TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    question TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE UNIQUE INDEX inline_question_token ON inline_question (bot_id, token);
CREATE INDEX inline_question_user ON inline_question (user_id);
"""


def m010_groups(db: Database) -> None:
    """Keep groups, askers and inline questions."""
    db.script(spelled(db, _GROUPS))


# Step 11: favourites, accounts with a password, sign-ins, login codes, keys, repeated calls.

_WEB = """
ALTER TABLE course_index ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
CREATE TABLE favourite (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    course_id BIGINT NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (user_id, course_id)
);
CREATE TABLE account (
    user_id BIGINT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    browsers TEXT NOT NULL,
    changed_at TEXT NOT NULL
);
CREATE TABLE sign_in (
    id NUMBERED,
    token_hash TEXT NOT NULL UNIQUE,
    source TEXT UNIQUE,
    user_id BIGINT NOT NULL,
    how TEXT NOT NULL,
    agent TEXT NOT NULL,
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
    agent TEXT NOT NULL,
    place TEXT NOT NULL,
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
    at TEXT NOT NULL,
    expires_at TEXT,
    used_at TEXT,
    revoked_at TEXT
);
CREATE INDEX api_key_user ON api_key (user_id);
CREATE TABLE idempotency (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    key_hash TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    number BIGINT NOT NULL,
    status BIGINT,
    media_type TEXT NOT NULL,
    headers TEXT NOT NULL,
    body TEXT NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (user_id, key_hash)
);
CREATE INDEX idempotency_at ON idempotency (at);
CREATE INDEX quota_use_reserved ON quota_use (bot_id, at) WHERE state = 'reserved';
"""


def m011_web(db: Database) -> None:
    """Keep what browsers and programs leave here."""
    db.script(spelled(db, _WEB))


# Step 12: the words of courses as search finds them; how many materials each has; their order.
#
# SQLite keeps two indexes beside the table by triggers: of stems, and of every three letters.
# PostgreSQL has one over an expression. A database that has courses already gets their words when
# the daemon looks at all datasets next: its index of courses is no longer whole.

_SQLITE = """
CREATE TABLE search_entry (
    id INTEGER PRIMARY KEY,
    course_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    letters TEXT NOT NULL
);
CREATE VIRTUAL TABLE search_stem USING fts5(
    name, body, content='search_entry', content_rowid='id',
    tokenize='unicode61 remove_diacritics 0'
);
CREATE VIRTUAL TABLE search_letter USING fts5(
    letters, content='search_entry', content_rowid='id', tokenize='trigram', detail='none'
);
CREATE TRIGGER search_entry_new AFTER INSERT ON search_entry BEGIN
    INSERT INTO search_stem (rowid, name, body) VALUES (new.id, new.name, new.body); \
    INSERT INTO search_letter (rowid, letters) VALUES (new.id, new.letters); \
    END;
CREATE TRIGGER search_entry_old AFTER DELETE ON search_entry BEGIN
    INSERT INTO search_stem (search_stem, rowid, name, body)
        VALUES ('delete', old.id, old.name, old.body); \
    INSERT INTO search_letter (search_letter, rowid, letters)
        VALUES ('delete', old.id, old.letters); \
    END;
"""
_POSTGRESQL = """
CREATE TABLE search_entry (
    id BIGINT PRIMARY KEY,
    course_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    letters TEXT NOT NULL
);
CREATE INDEX search_entry_stem ON search_entry USING GIN ((
    setweight(to_tsvector('simple', name), 'A') || setweight(to_tsvector('simple', body), 'D')
));
"""
_BOTH = """
ALTER TABLE course ADD COLUMN lecture BIGINT NOT NULL DEFAULT 0;
ALTER TABLE course ADD COLUMN seminar BIGINT NOT NULL DEFAULT 0;
ALTER TABLE course ADD COLUMN lab BIGINT NOT NULL DEFAULT 0;
UPDATE course SET
    lecture = (COUNTED 'lecture'), seminar = (COUNTED 'seminar'), lab = (COUNTED 'lab');
CREATE INDEX search_entry_course ON search_entry (course_id);
CREATE INDEX course_order ON course (is_active, semester, slug COLLATE BYTES);
UPDATE course_index SET is_whole = 0 WHERE EXISTS (SELECT 1 FROM course);
"""
_COUNTED = (
    "SELECT COUNT(*) FROM material WHERE course_id = course.id AND place IS NOT NULL AND kind ="
)


def m012_search(db: Database) -> None:
    """Make the tables of search."""
    db.script(_SQLITE if db.dialect == "sqlite" else _POSTGRESQL)
    # Letters in the same order on every machine: a cursor is compared with them.
    bytes_ = "BINARY" if db.dialect == "sqlite" else '"C"'
    db.script(_BOTH.replace("BYTES", bytes_).replace("COUNTED", _COUNTED))


# In their order; a new one goes last.
STEPS = (
    m006_accounts,
    m007_courses,
    m008_ratings,
    m009_broadcast,
    m010_groups,
    m011_web,
    m012_search,
)
