"""Rate limits and failed sign-ins shared by several APIs on one PostgreSQL, by the server's clock.

A row of a rate limit stores when its bucket is full again; a row of failed attempts their number
and the time of the last. Keys are hashed with the key of people's texts.
"""

from collections.abc import Mapping

from merlin.core.rate_limit import FORGET_AFTER_S
from merlin.db.database import Database

_NOW = "extract(epoch FROM now())::float8"
_SPEND = f"""
INSERT INTO throttle (key, failures, at)
SELECT key, 0, {_NOW} + spent FROM unnest(?::text[], ?::float8[]) AS asked(key, spent) ORDER BY key
ON CONFLICT (key) DO UPDATE
SET at = greatest(throttle.at + excluded.at - {_NOW}, excluded.at)
RETURNING key, at - {_NOW}
"""  # noqa: S608 - ours
_ADD = "INSERT INTO throttle (key, failures, at) VALUES (?, 0, 0) ON CONFLICT DO NOTHING"
_READ = f"SELECT failures, {_NOW} - at FROM throttle WHERE key = ? FOR UPDATE"  # noqa: S608 - ours
_STORE = f"UPDATE throttle SET failures = ?, at = {_NOW} - ? WHERE key = ?"  # noqa: S608 - ours


def spend(db: Database, spent: Mapping[str, float]) -> dict[str, float]:
    """Take tokens, counted in seconds, from buckets; return in how many seconds each is full."""
    marks = {db.cipher.marks(key)[0]: key for key in spent}
    rows = db.sql(_SPEND, list(marks), [spent[key] for key in marks.values()])
    return {marks[mark]: full_in_s for mark, full_in_s in rows}


def read_failures(db: Database, key: str) -> tuple[int, float]:
    """Return the failed attempts and the seconds since the last; locks the row."""
    mark = db.cipher.marks(key)[0]
    db.sql(_ADD, mark)
    ((failures, age_s),) = db.sql(_READ, mark)
    return failures, age_s


def store_failures(db: Database, key: str, failures: int, age_s: float) -> None:
    """Store the number of failed attempts and the seconds since the last."""
    db.sql(_STORE, failures, age_s, db.cipher.marks(key)[0])


def forget(db: Database) -> None:
    """Delete rows that have no effect any more."""
    if db.is_shared:
        db.sql(f"DELETE FROM throttle WHERE at < {_NOW} - ?", FORGET_AFTER_S)  # noqa: S608 - ours
