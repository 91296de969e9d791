"""The engine's own database file: one connection, one lock, steps of its schema.

The only module here that knows peewee. The topics (files, jobs, diary, models, repeats) hold
their own SQL. WAL with synchronous=FULL: what was committed survives a loss of power.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peewee import DatabaseError, OperationalError, SqliteDatabase

from merlin.core.errors import Refused

Row = dict[str, Any]

_M001 = (
    (
        "CREATE TABLE file (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
        " filename TEXT NOT NULL, purpose TEXT NOT NULL, bytes INTEGER NOT NULL,"
        " created_at REAL NOT NULL)"
    ),
    (
        "CREATE TABLE job (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
        " created_at REAL NOT NULL, finished_at REAL, status TEXT NOT NULL, base TEXT NOT NULL,"
        " training_file TEXT NOT NULL, validation_file TEXT, suffix TEXT NOT NULL,"
        " seed INTEGER NOT NULL, metadata TEXT NOT NULL, hyperparameters TEXT NOT NULL,"
        " is_validated INTEGER NOT NULL DEFAULT 0, trained_tokens INTEGER, error TEXT)"
    ),
    "CREATE INDEX job_status ON job (status)",
    (
        "CREATE TABLE event (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
        " job_id TEXT NOT NULL, created_at REAL NOT NULL, level TEXT NOT NULL, kind TEXT NOT NULL,"
        " message TEXT NOT NULL, content TEXT NOT NULL, is_of_run INTEGER NOT NULL)"
    ),
    "CREATE INDEX event_job ON event (job_id, seq)",
    # id is the checkpoint object's; step is NULL for the final model
    (
        "CREATE TABLE model (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
        " name TEXT NOT NULL UNIQUE, job_id TEXT NOT NULL, base TEXT NOT NULL, step INTEGER,"
        " path TEXT NOT NULL, created_at REAL NOT NULL, metrics TEXT NOT NULL)"
    ),
    "CREATE INDEX model_job ON model (job_id, seq)",
    (
        "CREATE TABLE repeat (key TEXT PRIMARY KEY, digest TEXT NOT NULL, made TEXT NOT NULL,"
        " answer BLOB NOT NULL, created_at REAL NOT NULL)"
    ),
)
_M002 = (
    "ALTER TABLE job ADD COLUMN method TEXT NOT NULL DEFAULT 'supervised'",
    # of the run: how many steps there are to do and were done, and when it began
    "ALTER TABLE job ADD COLUMN steps INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE job ADD COLUMN step INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE job ADD COLUMN estimated_finish REAL",
    # what the weights hold, in sha256; of models made before, their name and date
    "ALTER TABLE model ADD COLUMN digest TEXT NOT NULL DEFAULT ''",
    "UPDATE model SET digest = name || ' ' || created_at",
)
_M003 = (
    # of a key the sha256 alone; limits: 0 is none
    (
        "CREATE TABLE client (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
        " name TEXT NOT NULL UNIQUE, digest TEXT NOT NULL UNIQUE, hint TEXT NOT NULL,"
        " created_at REAL NOT NULL, used_on TEXT, revoked_at REAL,"
        " requests_per_minute INTEGER NOT NULL, tokens_per_day INTEGER NOT NULL,"
        " most_jobs INTEGER NOT NULL, most_bytes INTEGER NOT NULL)"
    ),
    (
        "CREATE TABLE spent (client_id TEXT NOT NULL, day TEXT NOT NULL, answers INTEGER NOT NULL,"
        " tokens INTEGER NOT NULL, PRIMARY KEY (client_id, day)) WITHOUT ROWID"
    ),
    # the client who made it, '' for the engine's own key; a model is its job's
    "ALTER TABLE file ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE job ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    # state: on, paused (failed for long; deliveries wait), gone (it said so: nothing more is kept)
    (
        "CREATE TABLE endpoint (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
        " owner TEXT NOT NULL, is_of_config INTEGER NOT NULL, name TEXT NOT NULL,"
        " url TEXT NOT NULL, event_types TEXT NOT NULL, secret TEXT NOT NULL,"
        " old_secret TEXT, old_until REAL, created_at REAL NOT NULL, updated_at REAL NOT NULL,"
        " state TEXT NOT NULL DEFAULT 'on', failing_since REAL, not_before REAL NOT NULL DEFAULT 0)"
    ),
    # id is the header webhook-id: the same in every try
    (
        "CREATE TABLE delivery (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
        " endpoint_id TEXT NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE,"
        " body TEXT NOT NULL, created_at REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0,"
        " due_at REAL NOT NULL, delivered_at REAL, trouble TEXT NOT NULL DEFAULT '')"
    ),
    "CREATE INDEX delivery_due ON delivery (endpoint_id, due_at) WHERE delivered_at IS NULL",
)
# What SQLite says of the disk, and what the system would.
_REFUSALS = {"SQLITE_FULL": errno.ENOSPC, "SQLITE_IOERR": errno.EIO}
# What stands beside the database and is known by it alone.
_KNOWN = ("files", "models")
# Oldest first; a step that has shipped is never edited.
STEPS: tuple[tuple[str, ...], ...] = (_M001, _M002, _M003)


class Rows:
    """The open database; every method may be called from any thread.

    Each raises OSError where the disk refuses, as whoever writes a file hears it.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, made where there is none, and bring its schema up to date.

        Raises Refused for one that is damaged, was made by a newer version, or is gone from beside
        files and models: whoever sweeps by an empty database would sweep them all away.
        """
        self._lock = threading.RLock()
        _check_place(path)
        # It holds secrets that sign webhooks: nobody else reads it.
        path.touch(mode=0o600)
        path.chmod(0o600)
        self._db = SqliteDatabase(
            str(path),
            pragmas={"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1},
            thread_safe=False,
            check_same_thread=False,
            timeout=10,
        )
        with _damage_told(path):
            self._db.connect()
            self._check_whole()
            self._migrate(path)

    def _check_whole(self) -> None:
        found = self._db.execute_sql("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise DatabaseError(found)

    def _migrate(self, path: Path) -> None:
        done = self._db.execute_sql("PRAGMA user_version").fetchone()[0]
        if done > len(STEPS):
            raise Refused(f"step {done} of {path} is unknown", "engine-db-newer", path=str(path))
        for number, step in enumerate(STEPS[done:], start=done + 1):
            with self.transaction():
                for statement in step:
                    self._db.execute_sql(statement)
                self._db.execute_sql(f"PRAGMA user_version = {number}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do what follows as a whole or not at all; nothing else is written meanwhile."""
        with self._lock, _disk_heard(), self._db.atomic("IMMEDIATE"):
            yield

    def select(self, sql: str, *values: object) -> list[Row]:
        """Return the rows of a query by column name."""
        with self._lock, _disk_heard():
            cursor = self._db.execute_sql(sql, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def change(self, sql: str, *values: object) -> int:
        """Carry out one INSERT, UPDATE or DELETE; return how many rows it touched."""
        with self._lock, _disk_heard():
            return int(self._db.execute_sql(sql, values).rowcount)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()


def _check_place(path: Path) -> None:
    left = [name for name in _KNOWN if any((path.parent / name).glob("*"))]
    if left and not path.exists():
        told = {"path": str(path), "left": ", ".join(left)}
        raise Refused(f"{path} is gone from beside {left}", "engine-db-gone", **told)


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        # Of the operational ones this alone is no passing trouble.
        if isinstance(error, OperationalError) and "SQLITE_CANTOPEN" not in _names(error):
            raise
        told = {"path": str(path), "found": str(error)}
        raise Refused(f"{path}: {error}", "engine-db-damaged", **told) from error


@contextmanager
def _disk_heard() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        for name in _names(error):
            for said, number in _REFUSALS.items():
                if name.startswith(said):
                    raise OSError(number, os.strerror(number)) from error
        raise


def _names(error: BaseException | None) -> list[str]:
    """Return SQLite's names of what was raised, and of what stands behind it.

    SQLite rolls back by itself where the disk is full, and what it said of that stands behind the
    complaint that there is nothing to roll back.
    """
    names = []
    while error is not None:
        names.append(str(getattr(error, "sqlite_errorname", "")))
        error = error.__context__
    return names
