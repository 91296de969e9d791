"""What can go wrong with a database, told apart: met another writer, away, damaged, or a bug."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import peewee

from merlin.core.errors import MerlinError
from merlin.core.log import redact

Errors = tuple[type[Exception], ...]
# peewee has loaded it just above, unless `store.drivers` left it out.
_psycopg = sys.modules.get("psycopg")
_POSTGRESQL: Errors = (_psycopg.Error,) if _psycopg else ()
_LOST: Errors = (_psycopg.OperationalError, _psycopg.InterfaceError) if _psycopg else ()

# What PostgreSQL says when two transactions met: serialization, deadlock, lock not available.
_MET = frozenset({"40001", "40P01", "55P03"})
_SQLITE_MET = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SQLITE_AWAY = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
)
_SQLITE_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class DatabaseBusy(MerlinError):
    """Another writer held the database for longer than we wait; the same call may pass later."""


class DatabaseAway(MerlinError):
    """The database cannot be used now: no file, no right, no room, or its server is away."""


class DatabaseDamaged(MerlinError):
    """The file is not a whole database any more; it must be restored from a backup."""


def is_met(error: BaseException) -> bool:
    """Return whether another writer stood in the way, so that the same work may pass later."""
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        return _code(cause) in _SQLITE_MET
    return getattr(cause, "sqlstate", None) in _MET


def fault_of(error: Exception) -> MerlinError | None:
    """Return what a person should be told of a driver's error; None: it is a bug of ours."""
    cause = _cause(error)
    told = redact(str(cause)).strip()
    if isinstance(cause, sqlite3.Error) and _code(cause) in _SQLITE_DAMAGED:
        return DatabaseDamaged(told, "store-damaged", found=told)
    is_away = isinstance(cause, sqlite3.Error) and _code(cause) in _SQLITE_AWAY
    if is_away or (isinstance(cause, _POSTGRESQL) and _is_away(cause)):
        return DatabaseAway(told, "store-away", reason=told)
    return None


def _cause(error: BaseException) -> BaseException:
    """Return the driver's own error; a failed connection is wrapped twice."""
    while (inner := getattr(error, "orig", None)) is not None and inner is not error:
        error = inner
    return error


def _code(error: sqlite3.Error) -> int:
    # Some of its errors are Python's own and have no code of SQLite.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_away(error: BaseException) -> bool:
    """Return whether the server is not there, goes down, is full, or lets nobody in."""
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        return isinstance(error, _LOST)
    return state[:2] in ("08", "28", "3D", "53", "57", "58") or state == "25006"


DRIVER_ERRORS: Errors = (peewee.PeeweeException, sqlite3.Error, *_POSTGRESQL)


@contextmanager
def faults() -> Iterator[None]:
    """Raise DatabaseAway or DatabaseDamaged for a driver's error that means it; others pass."""
    try:
        yield
    except DRIVER_ERRORS as error:
        fault = fault_of(error)
        if fault is None:
            raise
        raise fault from error
