"""The database: one open SQLite or PostgreSQL, transactions, prepared queries, its errors.

Queries are built from the unbound tables of `merlin.db.tables` and carried out by a `Database`:
there is no bound model and no global handle, so any number of databases live side by side in one
process. Writing happens inside `atomic`, or through `transact`, which tries again when another
writer stood in the way.

peewee walks its tree of objects for each query anew, which costs ten times what SQLite does with
the outcome. Queries that run with every question are built once, as constants of their module:

    _ONE = Prepared(TURN.select().where(TURN.update_id == Parameter("update_id")))
    ...
    row = self.db.row(_ONE(update_id=7))
"""

from __future__ import annotations

import re
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import peewee
from peewee import SQL, Insert, PeeweeException, Select, Table, fn

from merlin.core.clock import Clock, iso, utc_now
from merlin.core.errors import MerlinError
from merlin.core.log import get_logger, redact
from merlin.db.connections import Handle, connect
from merlin.db.tables import USER

if TYPE_CHECKING:
    from merlin.db.encryption import Cipher

Errors = tuple[type[Exception], ...]
# peewee has loaded it just above, unless `merlin bot` left it out.
_psycopg = sys.modules.get("psycopg")
_POSTGRESQL: Errors = (_psycopg.Error,) if _psycopg else ()
_LOST: Errors = (_psycopg.OperationalError, _psycopg.InterfaceError) if _psycopg else ()

# What PostgreSQL says when two transactions met: serialization, deadlock, lock not available.
_MET = frozenset({"40001", "40P01", "55P03"})
_SQLITE_MET = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SQLITE_AWAY = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_SQLITE_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class DatabaseAway(MerlinError):
    """The database cannot be used now: no file, no right, no room, or its server is away."""


class DatabaseDamaged(MerlinError):
    """The file is not a whole database any more; it must be restored from a backup."""


def is_lock_conflict(error: BaseException) -> bool:
    """Return whether another writer stood in the way, so that the same work may pass later."""
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        return _code(cause) in _SQLITE_MET
    return getattr(cause, "sqlstate", None) in _MET


def describe_driver_error(error: Exception) -> MerlinError | None:
    """Return what a person should be told of a driver's error; None: it is a bug of ours."""
    cause = _cause(error)
    text = redact(str(cause)).strip()
    code = _code(cause) if isinstance(cause, sqlite3.Error) else 0
    if code in _SQLITE_DAMAGED or text.startswith("Could not decode to UTF-8"):  # Python's words
        return DatabaseDamaged(text, "store-damaged", found=text)
    if code == sqlite3.SQLITE_FULL or getattr(cause, "sqlstate", None) == "53100":
        return DatabaseAway(text, "store-full")
    if code in _SQLITE_AWAY or (isinstance(cause, _POSTGRESQL) and _is_away(cause)):
        return DatabaseAway(text, "store-away", reason=text)
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
def driver_errors() -> Iterator[None]:
    """Raise DatabaseAway or DatabaseDamaged for a driver's error that means it; others pass."""
    try:
        yield
    except DRIVER_ERRORS as error:
        fault = describe_driver_error(error)
        if fault is None:
            raise
        raise fault from error


class Parameter:
    """The place of a value in a prepared query."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def parameters(names: str) -> dict[str, Parameter]:
    """Return columns, named between spaces, each with a slot of its own name."""
    return {name: Parameter(name) for name in names.split()}


class Prepared:
    """A query with slots; called with a value for each, it is one that `Database` carries out."""

    def __init__(self, query: Any) -> None:
        self._query = query
        self._spelled: dict[str, tuple[str, tuple[object, ...]]] = {}
        self.is_select = isinstance(query, Select)
        # An INSERT tells the new id, unless it was asked how many rows it stored.
        self.tells_id = isinstance(query, Insert) and not self._query._as_rowcount

    def __call__(self, **values: object) -> BoundQuery:
        """Return the query with these values in its slots."""
        return BoundQuery(self, values)

    def spelled(self, handle: Handle) -> tuple[str, tuple[object, ...]]:
        """Return the SQL and its values, slots among them."""
        found = self._spelled.get(handle.dialect)
        if found is None:
            query = self._query.clone().bind(handle)
            if self.tells_id and handle.returning_clause:
                query = query.returning(*query._pk_returning())
            sql, values = query.sql()
            found = self._spelled[handle.dialect] = (sql, tuple(values))
        return found


class BoundQuery:
    """A prepared query with its values."""

    __slots__ = ("_prepared", "_values")

    def __init__(self, prepared: Prepared, values: dict[str, object]) -> None:
        self._prepared = prepared
        self._values = values

    def bind(self, database: object) -> BoundQuery:  # noqa: ARG002 - the shape of peewee's queries
        """Return itself: a prepared query belongs to no database."""
        return self

    def limit(self, most: int) -> BoundQuery:  # noqa: ARG002 - the shape of peewee's queries
        """Return itself: what a prepared query is to be limited to stands in it."""
        return self

    def execute(self, database: Any = None) -> Any:
        """Carry the query out: rows of a SELECT, the id of an INSERT, else how many rows it met."""
        sql, places = self._prepared.spelled(database)
        given = self._values
        values = [given[one.name] if type(one) is Parameter else one for one in places]
        cursor = database.execute_sql(sql, values)
        if self._prepared.is_select:
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        if not self._prepared.tells_id:
            return cursor.rowcount
        if database.returning_clause:
            told = cursor.fetchone()
            return told[0] if told else 0
        return cursor.lastrowid if cursor.rowcount > 0 else 0


log = get_logger(__name__)

Row = dict[str, Any]
T = TypeVar("T")
P = ParamSpec("P")

E = TypeVar("E")

CHUNK = 500
PORTION, PORTION_SIZE = 1000, 2_000_000
TRIES = 6
FIRST_PAUSE_S = 0.02
_BUMP = "UPDATE wake SET counter = counter + 1 WHERE id = 1"
_NOTIFY = "SELECT pg_notify('merlin_wake', '')"


Query = peewee.BaseQuery | BoundQuery


class Database:
    """One open database; safe to use from several threads, each with a connection of its own.

    Repositories encrypt what people say with its cipher.
    """

    def __init__(self, handle: Handle, *, is_read_only: bool = False) -> None:
        self._handle = handle
        self._cipher: Cipher | None = None
        self._marks = threading.local()
        self.dialect = handle.dialect
        # Several apis may serve one PostgreSQL; what they count they count in it.
        self.is_shared = self.dialect == "postgresql"
        self.is_read_only = is_read_only

    @property
    def has_cipher(self) -> bool:
        """Return whether the texts of people can be read and written."""
        return self._cipher is not None

    @property
    def cipher(self) -> Cipher:
        """Return the cipher of people's texts. Raises RuntimeError where none was given."""
        if self._cipher is None:
            raise RuntimeError("this database was opened without the key of people's texts")
        return self._cipher

    @cipher.setter
    def cipher(self, cipher: Cipher | None) -> None:
        self._cipher = cipher

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Make everything inside one write transaction: all of it is stored, or nothing.

        Inside another one it is a savepoint. Raises MerlinError when the lock is not to be had.
        """
        self._ready()
        if self._handle.in_transaction():
            self.still_begun()
            with self._handle.atomic():
                yield
            return
        self._marks.wakes = False
        with self._begun():
            yield
            # Last of all, so that the one row that everybody bumps is locked but for a moment.
            if self._marks.wakes:
                is_sqlite = self.dialect == "sqlite"
                self._execute(_BUMP if is_sqlite else f"WITH bumped AS ({_BUMP}) {_NOTIFY}")

    @contextmanager
    def _begun(self) -> Iterator[None]:
        whole = self._handle.atomic()
        self._patiently(whole.__enter__)
        try:
            yield
            self.still_begun()
        except BaseException as error:
            # A connection that broke has nothing left to undo; why it broke is what is told.
            with suppress(PeeweeException):
                whole.__exit__(type(error), error, error.__traceback__)
            raise
        with driver_errors():
            whole.__exit__(None, None, None)

    def still_begun(self) -> None:
        """Raise DatabaseAway when SQLite has ended the transaction by itself.

        It may do so on a full disk: what came before is lost, what comes after would be stored
        at once.
        """
        connection: Any = self._handle.connection
        if self.dialect == "sqlite" and not connection().in_transaction:
            reason = "the transaction was ended"
            raise DatabaseAway(reason, "store-away", reason=reason)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let every read inside see the database as it stood at one moment; writes nothing."""
        self._ready()
        if self._handle.in_transaction():
            yield
            return
        how = "DEFERRED" if self.dialect == "sqlite" else "REPEATABLE READ"
        with driver_errors(), self._handle.atomic(how):
            yield

    def transact(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, done in one transaction; done again where writers met."""

        def once() -> T:
            with self.atomic():
                return work()

        if self._handle.in_transaction():
            return once()
        return self._patiently(once)

    def joined(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, as a part of the transaction that runs, or as one of its own.

        A part is undone with its whole, not by itself: no savepoint is spent on it. Who catches
        its error and goes on needs `transact`.
        """
        return work() if self._handle.in_transaction() else self.transact(work)

    def _patiently(self, call: Callable[[], T]) -> T:
        """Return `call()`, tried a bounded number of times while others stand in the way."""
        for attempt in range(TRIES):
            try:
                with driver_errors():
                    return call()
            except DRIVER_ERRORS as error:
                if not is_lock_conflict(error):
                    raise
                log.warning("database is busy", attempt=attempt + 1, reason=str(error))
                time.sleep(FIRST_PAUSE_S * 2**attempt)
        # Another writer held it for longer than we wait; the same call may pass later.
        raise MerlinError("the database is busy", "store-busy")

    def _ready(self) -> None:
        """Drop a connection that its server has ended, so that the next call opens a new one."""
        if self._handle.in_transaction() or self._handle.is_closed():
            return
        if not self._handle.is_connection_usable():
            self._handle.close()

    def rows(self, query: Query) -> list[Row]:
        """Return the rows of a SELECT, column name to value."""
        self._ready()
        with driver_errors():
            return list(query.bind(self._handle).execute(self._handle))

    def tuples(self, query: Select) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT as tuples: thousands of them take half as long."""
        self._ready()
        with driver_errors():
            return list(query.tuples().bind(self._handle).execute(self._handle))

    def row(self, query: Select | BoundQuery) -> Row | None:
        """Return the first row of a SELECT, or None."""
        rows = self.rows(query.limit(1))
        return rows[0] if rows else None

    def one(self, query: Select | BoundQuery, missing: MerlinError) -> Row:
        """Return the first row of a SELECT. Raises `missing` where there is none."""
        row = self.row(query)
        if row is None:
            raise missing
        return row

    def count(self, table: Table, where: Any) -> int:
        """Return how many rows of a table fulfil a condition."""
        return int(self.value(table.select(fn.COUNT(SQL("*"))).where(where)))

    def value(self, query: Select | BoundQuery) -> Any:
        """Return the first column of the first row of a SELECT, or None."""
        row = self.row(query)
        return next(iter(row.values())) if row else None

    def stored(self, query: BoundQuery) -> int:
        """Return the id of the row that a prepared INSERT stores, 0 where it met one."""
        return int(self._done(query))

    def change(self, query: Query) -> int:
        """Carry out an UPDATE or DELETE; return how many rows it met."""
        return int(self._done(query))

    def add(self, table: Table, values: Mapping[str, object]) -> int:
        """Insert one row into a table with a numbered `id`; return its id."""
        return int(self._done(table.insert(dict(values))))

    def put(self, query: Insert) -> bool:
        """Carry out an INSERT of one row that may meet one; return whether a row was stored."""
        return int(self._done(query.as_rowcount())) > 0

    def add_new(self, table: Table, values: Mapping[str, object]) -> bool:
        """Insert one row unless it meets a stored one; return whether it was stored."""
        return self.put(table.insert(dict(values)).on_conflict_ignore())

    def upsert(self, table: Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
        """Insert one row, or give the one of this key these values."""
        new = table.insert({**key, **values})
        self.put(new.on_conflict(conflict_target=tuple(key), update=dict(values)))

    def add_many(self, table: Table, rows: Iterable[Mapping[str, object]]) -> None:
        """Insert rows of equal columns, all or none."""
        self._insert(table, rows, "")

    def add_missing(self, table: Table, rows: Iterable[Mapping[str, object]]) -> None:
        """Insert the rows that meet no stored one; leave those that do as they are."""
        self._insert(table, rows, " ON CONFLICT DO NOTHING")

    def _insert(self, table: Table, rows: Iterable[Mapping[str, object]], end: str) -> None:
        """Insert by one prepared statement: peewee spells out each value, eight times as long."""
        left = list(rows)
        if not left:
            return
        columns = list(left[0])
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join(["?" if self.dialect == "sqlite" else "%s"] * len(columns))
        sql = f'INSERT INTO "{table.__name__}" ({names}) VALUES ({marks}){end}'  # noqa: S608 - ours
        values = [[row[name] for name in columns] for row in left]

        def insert() -> None:
            cursor: Any = self._handle.cursor
            with driver_errors():
                cursor().executemany(sql, values)

        self.joined(insert)

    def _done(self, query: Query) -> Any:
        self._ready()
        with driver_errors():
            return query.bind(self._handle).execute(self._handle)

    def _execute(self, sql: str, values: tuple[object, ...] = ()) -> Any:
        run: Any = self._handle.execute_sql
        with driver_errors():
            return run(sql, values)

    def locked(self, query: Select) -> Select:
        """Return the SELECT so that its rows stay as read until this transaction ends."""
        # An SQLite transaction that writes is alone from its beginning.
        return query if self.dialect == "sqlite" else query.for_update()

    def script(self, sql: str) -> None:
        """Carry out statements of a schema, each ended by a semicolon at a line's end.

        Lines that are indented belong to the statement above them: the body of a trigger.
        """
        for statement in re.split(r";\n(?![ \t])", sql):
            if statement.strip():
                self._execute(statement)

    def sql(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of one plain statement with `?` for values; for what peewee lacks."""
        self._ready()
        statement = sql if self.dialect == "sqlite" else sql.replace("%", "%%").replace("?", "%s")
        with driver_errors():
            cursor = self._execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def has_table(self, name: str) -> bool:
        """Return whether the table exists."""
        self._ready()
        try:
            with driver_errors():
                return bool(self._handle.table_exists(name))
        except UnicodeDecodeError as error:  # of what SQLite says of a schema that is no text
            raise DatabaseDamaged(str(error), "store-damaged", found=str(error)) from error

    def bump(self) -> None:
        """Wake the other processes when the transaction that runs now is stored."""
        if self._handle.in_transaction():
            self._marks.wakes = True
        else:
            self.transact(self.bump)

    def notify(self) -> None:
        """Wake who waits for a notification; nothing on SQLite."""
        if self.dialect != "sqlite":
            self.sql(_NOTIFY)

    def listen(self) -> None:
        """Let this thread's connection be notified of bumps; nothing on SQLite."""
        if self.dialect != "sqlite":
            self.sql("LISTEN merlin_wake")

    def wait_for_notification(self, within_s: float) -> None:
        """Return when a bump was stored since `listen`, or after so many seconds."""
        connection: Any = self._handle.connection
        with driver_errors():
            list(connection().notifies(timeout=within_s, stop_after=1))

    def quick_check(self) -> None:
        """Read the whole SQLite file once. Raises DatabaseDamaged; nothing on PostgreSQL."""
        if self.dialect != "sqlite":
            return
        found = [str(row[0]) for row in self.sql("PRAGMA quick_check(3)")]
        if found != ["ok"]:
            raise DatabaseDamaged(f"quick_check: {found}", "store-damaged", found="; ".join(found))

    def let_log_grow(self, pages: int) -> None:
        """Let commits of this thread write SQLite's log back only where it has so many pages."""
        if self.dialect == "sqlite" and not self.is_read_only:
            self.sql(f"PRAGMA wal_autocheckpoint = {int(pages)}")

    def checkpoint(self) -> None:
        """Write SQLite's log back into the file, beside whoever reads or writes."""
        if self.dialect == "sqlite" and not self.is_read_only:
            self.sql("PRAGMA wal_checkpoint(PASSIVE)")

    def open(self) -> None:
        """Open this thread's connection now. Raises MerlinError: away, damaged or busy."""
        self._patiently(lambda: self._handle.connect(reuse_if_open=True))

    def close(self) -> None:
        """Close the connections of all threads; their work has ended before."""
        if not self._handle.is_closed():
            self._handle.close()
        self._handle.registry.close_all()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_database(
    url: str, *, read_only: bool = False, busy_s: float = 5.0, cipher: Cipher | None = None
) -> Database:
    """Return the open database at `url`: `sqlite:///absolute/path` or `postgresql://…`.

    SQLite: WAL, synchronous=FULL, foreign keys, `busy_s` seconds of waiting for a lock, a few
    times over. Read-only opens what exists and writes nothing. `cipher` is that of people's texts,
    None where none is read or written. Raises ConfigError for another kind of address,
    DatabaseAway, DatabaseDamaged.
    """
    database = Database(connect(url, read_only=read_only, busy_s=busy_s), is_read_only=read_only)
    database.cipher = cipher
    try:
        database.open()
    except BaseException:
        database.close()
        raise
    return database


def in_portions(
    rows: Iterable[E], most: int = PORTION, size: Callable[[E], int] = lambda _: 0
) -> Iterator[list[E]]:
    """Yield the rows in lists of at most `most`, and of about `PORTION_SIZE` by `size`.

    Each is meant for a short transaction of its own: while SQLite writes, nobody else does.
    """
    portion: list[E] = []
    total = 0
    for row in rows:
        portion.append(row)
        total += size(row)
        if len(portion) == most or total >= PORTION_SIZE:
            yield portion
            portion, total = [], 0
    if portion:
        yield portion


class Repository:
    """The named queries of one subject; what they write is stamped by `clock`."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock


class BotRepository(Repository):
    """A repository of the rows of one bot."""

    def __init__(self, db: Database, bot_id: int, clock: Clock = utc_now) -> None:
        super().__init__(db, clock)
        self._bot_id = bot_id


S = TypeVar("S", bound=Repository)


def transaction(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Make a method of a repository one transaction of its `db`, or a part of the one that runs."""

    @wraps(method)
    def whole(self: S, /, *args: P.args, **named: P.kwargs) -> T:
        return self.db.joined(lambda: method(self, *args, **named))

    return whole


# Every question passes this: as a plain statement it takes a tenth of the time.
_HOLD = "SELECT user_id FROM users WHERE user_id = ? FOR UPDATE"


def lock_user(db: Database, user_id: int, clock: Clock = utc_now) -> None:
    """Hold the person's row until the transaction ends; who has none gets one."""
    if db.dialect == "sqlite":  # whose transactions that write are alone anyway
        return
    if not db.sql(_HOLD, user_id):
        first = {"user_id": user_id, "language_code": "", "is_reachable": 1}
        db.add_new(USER, {**first, "first_seen_at": iso(clock())})
        db.sql(_HOLD, user_id)


def lock_known_user(db: Database, user_id: int) -> None:
    """Hold the person's row as `hold_user` does; who has none gets none."""
    if db.dialect != "sqlite":
        db.sql(_HOLD, user_id)
