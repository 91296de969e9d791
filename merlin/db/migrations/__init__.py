"""Schema steps, oldest first; a step that has shipped is never edited.

A step is a function of one `Database`, in a file of its own, and runs in one transaction
together with its row in `migration`: a kill in the middle leaves nothing of it. Two processes
that start at once do not meet: the second waits and finds the step done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from merlin.core.clock import iso, utc_now
from merlin.core.errors import MerlinError
from merlin.core.log import get_logger
from merlin.db.database import Database
from merlin.db.migrations.m001_pipeline import m001_pipeline
from merlin.db.migrations.m002_chat import m002_chat
from merlin.db.migrations.m003_noted import m003_noted
from merlin.db.migrations.m004_talk import m004_talk
from merlin.db.migrations.m005_changes import m005_changes
from merlin.db.migrations.m006_accounts import m006_accounts
from merlin.db.migrations.m007_courses import m007_courses
from merlin.db.migrations.m008_ratings import m008_ratings
from merlin.db.migrations.m009_broadcast import m009_broadcast
from merlin.db.migrations.m010_groups import m010_groups
from merlin.db.migrations.m011_web import m011_web
from merlin.db.migrations.m012_search import m012_search
from merlin.db.migrations.m013_billing import m013_billing
from merlin.db.migrations.m014_left import m014_left
from merlin.db.migrations.m015_failing import m015_failing
from merlin.db.migrations.m016_revoked import m016_revoked
from merlin.db.migrations.m017_refusals import m017_refusals
from merlin.db.migrations.m018_whole_build import m018_whole_build
from merlin.db.migrations.m019_key_holder import m019_key_holder
from merlin.db.migrations.m020_proof import m020_proof
from merlin.db.migrations.m021_taught_example import m021_taught_example
from merlin.db.migrations.m022_distil import m022_distil
from merlin.db.migrations.m023_commit_status import m023_commit_status
from merlin.db.migrations.m024_examples import m024_examples
from merlin.db.migrations.m025_example_draft import m025_example_draft
from merlin.db.migrations.m026_rejected import m026_rejected
from merlin.db.migrations.m027_unanswered import m027_unanswered
from merlin.db.migrations.m028_accepted_loss import m028_accepted_loss
from merlin.db.migrations.m030_turn_model import m030_turn_model
from merlin.db.migrations.m031_told_question import m031_told_question
from merlin.db.migrations.m032_canary import m032_canary
from merlin.db.migrations.m034_hour_figure import m034_hour_figure
from merlin.db.migrations.m035_proposal_split import m035_proposal_split
from merlin.db.migrations.m036_baseline_answer import m036_baseline_answer
from merlin.db.tables import MIGRATION

log = get_logger(__name__)

Step = Callable[[Database], None]

STEPS: tuple[Step, ...] = (
    m001_pipeline,
    m002_chat,
    m003_noted,
    m004_talk,
    m005_changes,
    m006_accounts,
    m007_courses,
    m008_ratings,
    m009_broadcast,
    m010_groups,
    m011_web,
    m012_search,
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
)

# Any number that no other program takes in this database.
_LOCK = 0x4D65726C
_TABLE = "CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)"


def applied(db: Database) -> tuple[str, ...]:
    """Return the names of the steps that this database has seen; writes nothing."""
    if not db.has_table("migration"):
        return ()
    rows = db.rows(MIGRATION.select(MIGRATION.name).order_by(MIGRATION.name))
    return tuple(row["name"] for row in rows)


def pending(db: Database, steps: Sequence[Step] = STEPS) -> tuple[Step, ...]:
    """Return the steps not applied yet; writes nothing.

    Raises MerlinError when the database knows steps that this program does not.
    """
    known = applied(db)
    newer = sorted(set(known) - {step.__name__ for step in steps})
    if newer:
        raise MerlinError(f"unknown steps {newer}", "store-newer-schema", steps=", ".join(newer))
    return tuple(step for step in steps if step.__name__ not in known)


def migrate(db: Database, steps: Sequence[Step] = STEPS) -> list[str]:
    """Apply every pending step, each in its own transaction; return the names of those done."""
    done = []
    for step in pending(db, steps):
        with db.atomic():
            if db.dialect == "postgresql":
                db.sql("SELECT pg_advisory_xact_lock(?)", _LOCK)
            if _apply(db, step):
                done.append(step.__name__)
    if done:
        log.info("schema is up to date", applied=done)
    return done


def _apply(db: Database, step: Step) -> bool:
    """Apply one step unless another process did while this one waited for the lock."""
    db.script(_TABLE)
    if step.__name__ in applied(db):
        return False
    step(db)
    db.put(MIGRATION.insert({"name": step.__name__, "applied_at": iso(utc_now())}))
    return True
