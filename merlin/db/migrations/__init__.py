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
from merlin.db.migrations import m001_m005, m006_m012, m013_m023, m024_m036
from merlin.db.tables import MIGRATION

log = get_logger(__name__)

Step = Callable[[Database], None]

STEPS: tuple[Step, ...] = (
    *m001_m005.STEPS,
    *m006_m012.STEPS,
    *m013_m023.STEPS,
    *m024_m036.STEPS,
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
