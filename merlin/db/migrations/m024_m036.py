"""Steps 24 to 36: examples and drafts, the gate, canaries, figures by the hour."""

from __future__ import annotations

from merlin.db.database import Database
from merlin.db.migrations.columns import spelled

# Step 24: what is searched and filtered of the datasets' examples.
#
# SQLite keeps an index beside the table by triggers, PostgreSQL one over an expression. A dataset
# that is known already is looked at anew when the daemon fetches next: its tree is no longer known.

_TABLES = """
CREATE TABLE example_entry (
    id NUMBERED,
    dataset TEXT NOT NULL,
    path TEXT NOT NULL,
    example_id TEXT NOT NULL,
    blob TEXT NOT NULL,
    words TEXT NOT NULL,
    UNIQUE (dataset, path)
);
CREATE INDEX example_entry_newest ON example_entry (dataset, id);
CREATE TABLE example_tag (
    dataset TEXT NOT NULL,
    tag TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (dataset, tag, path)
);
CREATE INDEX example_tag_path ON example_tag (dataset, path);
CREATE INDEX example_author ON example (dataset, author, example_id);
UPDATE dataset_tree SET tree = '0000000000000000000000000000000000000000';
"""
_SQLITE = """
CREATE VIRTUAL TABLE example_search USING fts5(
    dataset, words, content='example_entry', content_rowid='id',
    tokenize='unicode61 remove_diacritics 0', detail='column', prefix='2 3'
);
CREATE TRIGGER example_entry_new AFTER INSERT ON example_entry BEGIN
    INSERT INTO example_search (rowid, dataset, words) VALUES (new.id, new.dataset, new.words); \
    END;
CREATE TRIGGER example_entry_old AFTER DELETE ON example_entry BEGIN
    INSERT INTO example_search (example_search, rowid, dataset, words)
        VALUES ('delete', old.id, old.dataset, old.words); \
    END;
"""
_POSTGRESQL = """
CREATE INDEX example_entry_words ON example_entry USING GIN (to_tsvector('simple', words));
"""


def m024_examples(db: Database) -> None:
    """Make the tables of the page of examples."""
    db.script(spelled(db, _TABLES))
    db.script(_SQLITE if db.dialect == "sqlite" else _POSTGRESQL)


# Step 25: edits of examples that their editor has not saved yet.

_TABLE = """
CREATE TABLE example_draft (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    dataset TEXT NOT NULL,
    path TEXT NOT NULL,
    before_blob TEXT,
    text TEXT,
    at TEXT NOT NULL,
    UNIQUE (user_id, dataset, path)
);
"""


def m025_example_draft(db: Database) -> None:
    """Keep an editor's edits of a dataset until they become one commit."""
    db.script(spelled(db, _TABLE))


# Step 26: a correction in a dataset of pairs keeps the answer that it corrects.


def m026_rejected(db: Database) -> None:
    """Keep the rejected answer of a proposal."""
    db.script("ALTER TABLE proposal ADD COLUMN rejected TEXT NOT NULL DEFAULT '';")


# Step 27: what a model did not know, and the questions that people want editors to see.

_TURN = """
ALTER TABLE turn ADD COLUMN known BIGINT;
ALTER TABLE turn ADD COLUMN nearest TEXT NOT NULL DEFAULT '';
"""


def m027_unanswered(db: Database) -> None:
    """Keep what a model says of its answer; `known` NULL: it does not tell."""
    db.script(_TURN)


# Step 28: which test questions an editor lets a model lose, for the gate.

_M028_TABLE = """
CREATE TABLE accepted_loss (
    dataset TEXT NOT NULL,
    question_digest TEXT NOT NULL,
    example_id TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (dataset, question_digest)
);
"""


def m028_accepted_loss(db: Database) -> None:
    """Keep who accepted which question when; the digest is of the question and its answer."""
    db.script(_M028_TABLE)


# Step 30: the answers of one model are found by their key, however many there are.


def m030_turn_model(db: Database) -> None:
    """Index turns by model. The provider comes first, so that a model's name alone never asks it.

    Without statistics SQLite takes a name for rare, and would read a million turns one by one.
    """
    db.script("CREATE INDEX turn_model ON turn (provider, model_id, id);")


# Step 31: questions that people want their editors to see, and those that editors dismissed.

_M031_TABLES = """
CREATE TABLE told_question (
    id NUMBERED,
    user_id BIGINT NOT NULL,
    dataset TEXT NOT NULL,
    question TEXT NOT NULL,
    turn_id BIGINT,
    at TEXT NOT NULL
);
CREATE INDEX told_question_dataset ON told_question (dataset, at);
CREATE INDEX told_question_user ON told_question (user_id);
CREATE TABLE dismissed_question (
    dataset TEXT NOT NULL,
    mark TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (dataset, mark)
);
CREATE INDEX turn_asked ON turn (asked_at);
"""


def m031_told_question(db: Database) -> None:
    """Keep a question as its editors shall see it; one that was dismissed is a keyed hash."""
    db.script(spelled(db, _M031_TABLES))


# Step 32: models that answer a share of the people first.

_M032_TABLE = """
CREATE TABLE canary (
    dataset TEXT PRIMARY KEY,
    model_row BIGINT NOT NULL REFERENCES model (id),
    share DOUBLE PRECISION NOT NULL,
    least BIGINT NOT NULL,
    since TEXT NOT NULL,
    until TEXT NOT NULL,
    answers BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    serving_answers BIGINT NOT NULL,
    serving_failures BIGINT NOT NULL
);
"""


def m032_canary(db: Database) -> None:
    """Keep who answers a share of the people, and what came of it."""
    db.script(_M032_TABLE)


# Step 34: figures of each hour, from which trends are drawn.

_M034_TABLE = """
CREATE TABLE hour_figure (
    hour TEXT PRIMARY KEY,
    answers BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    liked BIGINT NOT NULL,
    disliked BIGINT NOT NULL,
    failures TEXT NOT NULL,
    times TEXT NOT NULL,
    spent TEXT NOT NULL
);
CREATE INDEX rating_at ON rating (at);
"""


def m034_hour_figure(db: Database) -> None:
    """Keep what was counted in each hour."""
    db.script(_M034_TABLE)


# Step 35: a proposed example may be meant for the test part.


def m035_proposal_split(db: Database) -> None:
    """Keep the mark of a proposal's split."""
    db.script("ALTER TABLE proposal ADD COLUMN split TEXT NOT NULL DEFAULT '';")


# Step 36: what bases and checkpoints answer to test questions, so that none is asked twice.

_M036_TABLE = """
CREATE TABLE baseline_answer (
    provider TEXT NOT NULL,
    model_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    answer TEXT NOT NULL,
    known BIGINT,
    PRIMARY KEY (provider, model_id, digest)
);
CREATE INDEX baseline_answer_by_digest ON baseline_answer (digest);
"""


def m036_baseline_answer(db: Database) -> None:
    """Keep answers by a digest of system text and question; `known` NULL: nobody said."""
    db.script(_M036_TABLE)


# Step 37: what a judge said of an answer to a test question.

_M037_COLUMNS = """
ALTER TABLE proof_answer ADD COLUMN judge TEXT NOT NULL DEFAULT '';
ALTER TABLE proof_answer ADD COLUMN votes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE proof_answer ADD COLUMN right_votes BIGINT NOT NULL DEFAULT 0;
"""


def m037_judge_votes(db: Database) -> None:
    """Keep the votes of the judge that was asked last about an answer; '': none was."""
    db.script(_M037_COLUMNS)


# In their order; a new one goes last.
STEPS = (
    m024_examples,
    m025_example_draft,
    m026_rejected,
    m027_unanswered,
    m028_accepted_loss,
    m030_turn_model,
    m031_told_question,
    m032_canary,
    m034_hour_figure,
    m035_proposal_split,
    m036_baseline_answer,
    m037_judge_votes,
)
