"""Schema steps, oldest first; a step that has shipped is never edited.

A step is a function of one `Database`, below those before it, and runs in one transaction
together with its row in `migration`: a kill in the middle leaves nothing of it. Two processes
that start at once do not meet: the second waits and finds the step done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from merlin.core.clock import iso, utc_now
from merlin.core.errors import MerlinError
from merlin.core.log import get_logger
from merlin.db.database import Database
from merlin.db.migrations.m001_m005 import (
    m001_pipeline,
    m002_chat,
    m003_noted,
    m004_talk,
    m005_changes,
)
from merlin.db.migrations.m006_m012 import (
    m006_accounts,
    m007_courses,
    m008_ratings,
    m009_broadcast,
    m010_groups,
    m011_web,
    m012_search,
)
from merlin.db.migrations.m013_m023 import (
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
from merlin.db.migrations.m024_m036 import (
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
