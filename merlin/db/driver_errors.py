"""What an error of a database driver means: a conflict, a database that is away or damaged, a bug.

The drivers are sqlite3 and psycopg, both below peewee.
"""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import peewee

from merlin.core.errors import MerlinError, NotFound
from merlin.core.log import redact

Errors = tuple[type[Exception], ...]
# SQLSTATEs of conflicts: serialization failure, deadlock, lock not available.
_CONFLICT_STATES = frozenset({"40001", "40P01", "55P03"})
# A standby has no unlogged tables: it refuses them as a feature that is not supported.
_READ_ONLY_STATES = frozenset({"25006", "0A000"})
# The server ended a transaction that lasted too long, e.g. while this machine was suspended.
_TIMEOUT_STATES = frozenset({"25P03", "25P04"})
_SQLITE_CONFLICTS = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SQLITE_AWAY = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_SQLITE_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class DatabaseAway(MerlinError):
    """The database is unavailable: no file, no permission, no space, or its server is away."""


class DatabaseDamaged(MerlinError):
    """The file is damaged; it must be restored from a backup."""

    exit_code = 2


def is_lock_conflict(error: BaseException) -> bool:
    """Return whether another writer caused the error, so that a retry may succeed."""
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        return _code(cause) in _SQLITE_CONFLICTS
    return getattr(cause, "sqlstate", None) in _CONFLICT_STATES


def describe_driver_error(error: Exception) -> MerlinError | None:
    """Return the error for a person behind a driver's error; None if it is a bug."""
    cause = _cause(error)
    text = redact(str(cause)).strip()
    code = _code(cause) if isinstance(cause, sqlite3.Error) else 0
    is_garbled = text.startswith("Could not decode to UTF-8")  # a message of Python
    if code in _SQLITE_DAMAGED or is_garbled:
        return DatabaseDamaged(text, "store-damaged", found=text)
    state = getattr(cause, "sqlstate", None)
    if code == sqlite3.SQLITE_FULL or state == "53100":
        return DatabaseAway(text, "store-full")
    if code == sqlite3.SQLITE_READONLY or state in _READ_ONLY_STATES:
        return DatabaseAway(text, "store-read-only")
    if state == "42501":
        return DatabaseAway(text, "store-denied", reason=text.partition("\n")[0])
    if code in _SQLITE_AWAY or (
        isinstance(cause, _psycopg_errors("Error")) and _is_away(cause)
    ):
        return DatabaseAway(text, "store-unavailable", reason=text)
    return None


def _cause(error: BaseException) -> BaseException:
    """Return the driver's own error; a failed connection is wrapped twice."""
    while (inner := getattr(error, "orig", None)) is not None and inner is not error:
        error = inner
    return error


def _code(error: sqlite3.Error) -> int:
    # Some of its errors are Python's own and have no SQLite code.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_away(error: BaseException) -> bool:
    """Return whether the server is away, shutting down, full, or refuses the login."""
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        return isinstance(error, _psycopg_errors("OperationalError", "InterfaceError"))
    return state in _TIMEOUT_STATES or state[:2] in ("08", "28", "3D", "53", "57", "58")


def driver_error_types() -> Errors:
    """Return the classes of errors that peewee and the imported drivers raise."""
    return (peewee.PeeweeException, sqlite3.Error, *_psycopg_errors("Error"))


def _psycopg_errors(*names: str) -> Errors:
    """Return psycopg's classes of these names; none before a PostgreSQL database imports it."""
    psycopg = sys.modules.get("psycopg")
    return tuple(getattr(psycopg, name) for name in names) if psycopg else ()


@contextmanager
def driver_errors() -> Iterator[None]:
    """Raise DatabaseAway or DatabaseDamaged for a driver's error that means it; ignore others.

    Raises NotFound for a number that is larger than any that SQLite stores.
    """
    try:
        yield
    except OverflowError as error:
        if "SQLite INTEGER" not in str(error):
            raise
        raise NotFound(str(error), "store-no-number") from error
    except driver_error_types() as error:
        fault = describe_driver_error(error)
        if fault is None:
            raise
        raise fault from error
