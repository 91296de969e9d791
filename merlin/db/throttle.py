"""What several apis on one PostgreSQL count together; the server's clock is everybody's.

A row of a rate limit says when its bucket is full again, one of wrong tries how many there were
and when the last. Keys are hashes that nobody can tell without the key of people's texts.
"""

from __future__ import annotations

from collections.abc import Mapping

from merlin.db.database import Database

FORGET_AFTER_S = 3600.0
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
    """Add seconds to buckets; return in how many seconds each is full."""
    marks = {db.cipher.marks(key)[0]: key for key in spent}
    rows = db.sql(_SPEND, list(marks), [spent[key] for key in marks.values()])
    return {marks[mark]: full_in_s for mark, full_in_s in rows}


def read_failures(db: Database, key: str) -> tuple[int, float]:
    """Return how many tries failed, and seconds since the last; held until the transaction ends."""
    mark = db.cipher.marks(key)[0]
    db.sql(_ADD, mark)
    ((failures, age_s),) = db.sql(_READ, mark)
    return failures, age_s


def store_failures(db: Database, key: str, failures: int, age_s: float) -> None:
    """Store how many tries failed, and seconds since the last."""
    db.sql(_STORE, failures, age_s, db.cipher.marks(key)[0])


def forget(db: Database) -> None:
    """Take away what counts no more."""
    if db.is_shared:
        db.sql(f"DELETE FROM throttle WHERE at < {_NOW} - ?", FORGET_AFTER_S)  # noqa: S608 - ours
