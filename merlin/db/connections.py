"""Connections to SQLite or PostgreSQL: peewee's two database handles, one connection per thread.

peewee keeps a thread's connection in a thread-local and loses it when the thread ends; here each
is registered with its thread, so that `close_all` closes every one, and the connection of a
thread that has ended is closed when the next one opens. Only `connect` creates handles; queries
are executed by `merlin.db.database`.
"""

from __future__ import annotations

import ctypes
import math
import os
import select
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, unquote, urlsplit

from peewee import PostgresqlDatabase, Psycopg3Adapter, SqliteDatabase

from merlin.core.errors import ConfigError, NotFound, Unstartable
from merlin.core.network import postgresql_parameters
from merlin.db.values import storable_values

if TYPE_CHECKING:  # SQLite does without it
    import psycopg

# A server may vanish without closing the connection: a call fails after ten seconds. Without
# these options Linux waits for a quarter of an hour, and an idle connection for ever. Source:
# PostgreSQL's documentation, 32.1.2.
_TIMEOUTS = {
    "connect_timeout": 10,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}

# A session that outlives its server's role tells nothing of it: after a failover an address may
# lead to another server, while the old one still answers reads.
_MAX_AGE_S = 600.0

# Waits for so many seconds at most.
Wait: TypeAlias = "Callable[[float], object]"
Connection: TypeAlias = "sqlite3.Connection | psycopg.Connection"


class Registry:
    """The open connections of one handle, each with the thread that opened it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, tuple[weakref.ref[threading.Thread], Connection]] = {}

    def add(self, connection: Connection) -> None:
        """Register a new connection of this thread; close those of threads that have ended."""
        with self._lock:
            ended = [
                key
                for key, (owner, _) in self._open.items()
                if (thread := owner()) is None or not thread.is_alive()
            ]
            stale = [self._open.pop(key)[1] for key in ended]
            self._open[id(connection)] = (
                weakref.ref(threading.current_thread()),
                connection,
            )
        for old in stale:
            old.close()

    def remove(self, connection: Connection) -> None:
        """Forget a connection that its thread closes itself."""
        with self._lock:
            self._open.pop(id(connection), None)

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._open)

    def close_all(self) -> None:
        """Close every connection; the caller has ended the other threads' work before."""
        with self._lock:
            left = [connection for _, connection in self._open.values()]
            self._open.clear()
        for connection in left:
            connection.close()


class _Registering:
    """Registers the connections of a handle; each serves its thread for `max_age_s` at most."""

    max_age_s = math.inf

    def __init__(self, *arguments: object, **options: object) -> None:
        self.registry = Registry()
        self._serves = threading.local()
        super().__init__(*arguments, **options)

    def _connect(self) -> Any:
        connection = super()._connect()  # type: ignore[misc]  # of peewee's handle
        self.registry.add(connection)
        self._serves.until = time.monotonic() + self.max_age_s
        return connection

    def execute_sql(self, sql: Any, params: Any = None) -> Any:
        """Execute a statement; what PostgreSQL stores in no text is replaced here, for all."""
        return super().execute_sql(sql, storable_values(params))  # type: ignore[misc]

    def retire(self) -> None:
        """Let this thread's connection serve no further transaction."""
        self._serves.until = -math.inf

    def is_connection_usable(self) -> bool:
        """Return whether this thread's connection is open and serves on."""
        is_open: bool = super().is_connection_usable()  # type: ignore[misc]  # of peewee's handle
        return is_open and time.monotonic() < self._serves.until

    def _close(self, conn: Any) -> None:
        self.registry.remove(conn)
        super()._close(conn)  # type: ignore[misc]  # of peewee's handle


_LIBC = ctypes.CDLL(None)
# Of inotify(7): a file's times, owner or permissions were set.
_IN_ATTRIB = 4


class Sqlite(_Registering, SqliteDatabase):
    """An SQLite file; transactions begin IMMEDIATE, so only their start waits for the lock."""

    dialect = "sqlite"

    def __init__(self, path: Path, mode: str, busy_s: float) -> None:
        self._path = path
        durable = {"journal_mode": "WAL", "synchronous": "FULL"}
        super().__init__(
            f"file:{quote(str(path))}?mode={mode}",
            {"foreign_keys": 1, **({"query_only": 1} if mode == "ro" else durable)},
            lock_type="IMMEDIATE",
            timeout=busy_s,
            uri=True,
            check_same_thread=False,
        )

    def _connect(self) -> Any:
        connection = super()._connect()
        connection.execute(
            "PRAGMA data_version"
        )  # opens the log, whose faults show here
        return connection

    def rollback(self) -> None:
        """Roll back, unless a full disk already has: the error would hide the original one."""
        connection: Any = self.connection
        if connection().in_transaction:
            super().rollback()

    def announce(self) -> None:
        """Wake all that `listen` to the file."""
        with suppress(OSError):  # they look by themselves, too
            os.utime(self._path)

    @contextmanager
    def listen(self, look_s: float) -> Iterator[Wait]:
        """Yield a function that returns at the next `announce` of any process, or in some seconds.

        Where the system has no watch left (fs.inotify.max_user_instances), it returns after
        `look_s`.
        """
        watch = _LIBC.inotify_init1(os.O_CLOEXEC)
        if watch < 0:
            yield lambda _: time.sleep(look_s)
            return
        try:
            _LIBC.inotify_add_watch(watch, os.fsencode(self._path), _IN_ATTRIB)
            incoming = select.poll()
            incoming.register(watch, select.POLLIN)
            yield (
                lambda within_s: incoming.poll(1000 * within_s) and os.read(watch, 4096)
            )
        finally:
            os.close(watch)


class _PsycopgAdapter(Psycopg3Adapter):
    """peewee's adapter for psycopg 3, which refuses encodings without all characters."""

    def connect(
        self, db: PostgresqlDatabase, *, read_only: bool = False, **params: Any
    ) -> psycopg.Connection:
        """Open a connection. Raises ConfigError if the database cannot store every character."""
        import psycopg  # noqa: PLC0415 - SQLite does without it

        connection = psycopg.connect(db.database, autocommit=True, **params)
        if read_only:  # not by `options` at the start, which PgBouncer refuses
            connection.execute("SET default_transaction_read_only = on")
        encoding = connection.info.parameter_status("server_encoding")
        if encoding not in ("UTF8", None):  # None: of a pooler
            connection.close()
            raise ConfigError(
                f"the encoding is {encoding}", "store-encoding", encoding=encoding
            )
        return connection


class Postgresql(_Registering, PostgresqlDatabase):
    """A PostgreSQL database through psycopg 3."""

    dialect = "postgresql"
    max_age_s = _MAX_AGE_S
    psycopg2_adapter = psycopg3_adapter = _PsycopgAdapter

    def is_connection_usable(self) -> bool:
        """Return False also if the server has closed the connection since the last call."""
        if not super().is_connection_usable():
            return False
        from psycopg import OperationalError  # noqa: PLC0415 - SQLite does without it

        own: Any = self.connection
        connection = own().pgconn
        incoming = select.poll()
        incoming.register(connection.socket, select.POLLIN)
        try:
            while incoming.poll(0):
                connection.consume_input()
        except OperationalError:
            return False
        return True

    def announce(self) -> None:
        """Wake all that `listen` to the database once the current transaction is committed."""
        own: Any = self.connection
        own().execute("NOTIFY merlin")

    @contextmanager
    def listen(self, _look_s: float) -> Iterator[Wait]:
        """Yield a function that returns at the next `announce` of any process, or in some seconds.

        It listens on this thread's connection, which may be a new one after an outage.
        """
        own: Any = self.connection

        def wait(within_s: float) -> None:
            own().execute("LISTEN merlin")
            list(own().notifies(timeout=within_s, stop_after=1))

        wait(0.0)  # what is announced from here on is heard
        yield wait


Handle = Sqlite | Postgresql


def _timeouts(url: str) -> dict[str, Any]:
    """Return libpq's timeouts for a silent server, except those set by URL or environment."""
    named = postgresql_parameters(url)
    return {key: value for key, value in _TIMEOUTS.items() if key not in named}


def open_session(url: str, *, autocommit: bool = False) -> psycopg.Connection:
    """Open a PostgreSQL connection that belongs to no handle.

    Raises ConfigError for another kind of URL, and the driver's errors.
    """
    import psycopg  # noqa: PLC0415 - SQLite does without it

    return psycopg.connect(url, autocommit=autocommit, **_timeouts(url))


def sqlite_path(url: str) -> Path:
    """Return the file of an SQLite URL."""
    return Path("/" + unquote(urlsplit(url).path).lstrip("/"))


def restore_mark(state_dir: Path) -> Path:
    """Return the marker file of a state folder while a backup fills it."""
    return state_dir / "restoring"


def require_whole(state_dir: Path) -> None:
    """Raise Unstartable if a restore was interrupted."""
    mark = restore_mark(state_dir)
    if mark.exists():
        raise Unstartable("not restored", "restore-cut-off", path=str(mark))


def require_no_builds(state_dir: Path) -> None:
    """Raise Unstartable if there are builds, for a database without a schema: it was lost."""
    builds = state_dir / "builds"
    if any(builds.glob("*/*")):
        raise Unstartable("builds without a database", "store-lost", folder=str(builds))


def not_recorded(state_dir: Path) -> NotFound:
    """Return the error of a database without a schema. Raises Unstartable if it was lost."""
    require_no_builds(state_dir)
    return NotFound("nothing has been recorded yet", "nothing-recorded")


def connect(url: str, *, read_only: bool, busy_s: float) -> Handle:
    """Return a handle for `sqlite:///absolute/path` or `postgresql://…`; opens no connection.

    Raises ConfigError for any other URL, and for the path of a folder. A new SQLite file is
    created with mode 600, in folders of mode 700.
    """
    parts = urlsplit(url)
    if parts.scheme in ("postgresql", "postgres"):
        url = "postgresql" + url[len(parts.scheme) :]
        return Postgresql(url, read_only=read_only, **_timeouts(url))
    path = sqlite_path(url)
    if parts.scheme != "sqlite" or parts.netloc or path == Path("/"):
        scheme = parts.scheme or "empty"
        raise ConfigError("no such kind of database", "store-bad-url", scheme=scheme)
    if path.is_dir():
        raise ConfigError(f"{path} is a folder", "store-folder", path=str(path))
    if read_only:
        return Sqlite(path, "ro", busy_s)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    return Sqlite(path, "rw", busy_s)
