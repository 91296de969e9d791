"""The database: SQLite or PostgreSQL, transactions, queries.

Queries are built by peewee from the unbound tables of `merlin.db.tables` and executed by a
`Database`. There is no bound model and no global handle, so several databases can be open in one
process. Writes run inside `atomic`, or through `transact`, which retries after a conflict with
another writer.

peewee takes 0.3 to 0.8 ms to build a query that SQLite executes in 0.02. What runs for every
question, every second or for thousands of rows is a constant of plain SQL in its module
(docs/adr/0056), with `:name` for each value:

    _OF_UPDATE = "SELECT * FROM turn WHERE bot_id = :bot_id AND update_id = :update_id"
    ...
    rows = self.db.sql(_OF_UPDATE, bot_id=self._bot_id, update_id=7)
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, lru_cache, reduce, wraps
from operator import and_
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

import peewee
from peewee import SQL, Insert, PeeweeException, Select, Table, fn

from merlin.core.clock import Clock, iso, utc_now
from merlin.core.errors import ConfigError, MerlinError
from merlin.core.log import get_logger
from merlin.db.connections import Handle, Wait, connect, open_session, sqlite_path
from merlin.db.driver_errors import (
    DatabaseAway,
    DatabaseDamaged,
    driver_error_types,
    driver_errors,
    is_lock_conflict,
)
from merlin.db.tables import PERSON
from merlin.db.values import storable_values

if TYPE_CHECKING:
    from merlin.db.encryption import Cipher

log = get_logger(__name__)
# The longest call writes that much: with less room the next write may fail.
MIN_FREE_BYTES = 8 << 20


class Row(tuple[Any, ...]):
    """A row of a SELECT: a named tuple of its columns."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __getattr__(self, column: str) -> Any: ...

        def _asdict(self) -> dict[str, Any]: ...

        def _replace(self, **columns: object) -> Row: ...


@cache
def _row_class(columns: tuple[str, ...]) -> Any:
    """Return the class of rows with these columns, made once: that takes 0.3 ms."""
    return namedtuple("Row", columns, rename=True)


def _read_rows(cursor: Any) -> list[Row]:
    """Return the rows of a DB-API cursor; of two columns of one name the first has it."""
    columns = tuple(column[0] for column in cursor.description)
    return list(map(_row_class(columns)._make, cursor.fetchall()))


# `?` and `:name`, but not a cast (`::`).
_PLACE = re.compile(r"\?|(?<![:\w]):(\w+)")


@lru_cache(512)
def _spell(statement: str, dialect: str) -> str:
    """Return a statement with the placeholders of the database's driver."""
    if dialect == "sqlite":
        return statement
    return _PLACE.sub(
        lambda place: f"%({place[1]})s" if place[1] else "%s",
        statement.replace("%", "%%"),
    )


T = TypeVar("T")
P = ParamSpec("P")

E = TypeVar("E")

# What is stored in a row, by column.
Columns = dict[str, Any]

CHUNK = 500
PORTION = 1000
PORTION_SIZE = 2_000_000
TRIES = 6
FIRST_PAUSE_S = 0.02
_COUNT_CHANGE = "UPDATE change_counter SET counter = counter + 1 WHERE id = 1"
_LOCK_COUNTER = "UPDATE change_counter SET counter = counter WHERE id = 1"

Query = peewee.BaseQuery


class Database:
    """One open database; thread-safe, with a connection for each thread.

    Repositories encrypt people's texts with its cipher.
    """

    def __init__(self, handle: Handle, *, is_read_only: bool = False) -> None:
        self._handle = handle
        self._cipher: Cipher | None = None
        self._marks = threading.local()
        self.dialect = handle.dialect
        # Several apis on one PostgreSQL keep their rate limits in it.
        self.is_shared = self.dialect == "postgresql"
        self.is_read_only = is_read_only

    @property
    def has_cipher(self) -> bool:
        """Return whether people's texts can be read and written."""
        return self._cipher is not None

    @property
    def cipher(self) -> Cipher:
        """Return the cipher of people's texts. Raises ConfigError if there is none."""
        if self._cipher is None:
            raise ConfigError("there is no key of people's texts", "store-no-text-key")
        return self._cipher

    @cipher.setter
    def cipher(self, cipher: Cipher | None) -> None:
        self._cipher = cipher

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Run the block in one write transaction: all of it is stored, or nothing.

        Inside another transaction it is a savepoint. Raises MerlinError if the lock is not
        available.
        """
        self._ready()
        if self._handle.in_transaction():
            self.require_transaction()
            with self._handle.atomic():
                yield
            return
        self._marks.wakes = False
        with self._begin():
            yield
            # Last, so that the row that every transaction updates is locked only briefly.
            if self._marks.wakes:
                self._execute(_COUNT_CHANGE)
                if self.is_shared:
                    self.announce()
        if self._marks.wakes and not self.is_shared:
            self.announce()

    @contextmanager
    def _begin(self) -> Iterator[None]:
        whole = self._handle.atomic()
        self._retry_conflicts(whole.__enter__)
        try:
            yield
            self.require_transaction()
        except BaseException as error:
            # A broken connection has nothing to roll back; the original error is raised.
            with suppress(PeeweeException):
                whole.__exit__(type(error), error, error.__traceback__)
            raise
        with self._errors():
            whole.__exit__(None, None, None)

    def require_transaction(self) -> None:
        """Raise DatabaseAway if SQLite has ended the transaction by itself.

        It may do so when the disk is full: the writes so far are lost, and later ones would be
        committed at once.
        """
        connection: Any = self._handle.connection
        if self.dialect == "sqlite" and not connection().in_transaction:
            reason = "the transaction was ended"
            raise DatabaseAway(reason, "store-unavailable", reason=reason)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let every read in the block see one snapshot of the database; writes nothing."""
        self._ready()
        if self._handle.in_transaction():
            yield
            return
        how = "DEFERRED" if self.dialect == "sqlite" else "REPEATABLE READ"
        with self._errors(), self._handle.atomic(how):
            yield

    def transact(self, work: Callable[[], T]) -> T:
        """Return the result of `work`, run in one transaction; retried after a conflict."""

        def once() -> T:
            with self.atomic():
                return work()

        if self._handle.in_transaction():
            return once()
        return self._retry_conflicts(once)

    def run_in_transaction(self, work: Callable[[], T]) -> T:
        """Return the result of `work`, run in the current transaction, or else in one of its own.

        It is rolled back with the current transaction, not by itself: no savepoint is used. A
        caller that catches its error and continues needs `transact`.
        """
        return work() if self._handle.in_transaction() else self.transact(work)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise what `driver_errors` raises; a connection that failed serves no longer.

        What it was refused may be a state of its session alone: one that began while the server
        or the file was read-only stays so.
        """
        try:
            with driver_errors():
                yield
        except DatabaseAway:
            self._handle.retire()
            raise

    def _retry_conflicts(self, call: Callable[[], T]) -> T:
        """Return `call()`, retried a bounded number of times while other writers conflict."""
        for attempt in range(TRIES):
            try:
                with self._errors():
                    return call()
            except driver_error_types() as error:
                if not is_lock_conflict(error):
                    raise
                log.warning("database is busy", attempt=attempt + 1, reason=str(error))
                time.sleep(FIRST_PAUSE_S * 2**attempt)
        # Another writer held the lock longer than the timeout; a retry may succeed.
        raise MerlinError("the database is busy", "store-busy")

    def _ready(self) -> None:
        """Drop a connection that serves no longer, so that the next call opens a new one."""
        if self._handle.in_transaction() or self._handle.is_closed():
            return
        if not self._handle.is_connection_usable():
            self._handle.close()

    def rows(self, query: Query) -> list[Row]:
        """Return the rows of a SELECT."""
        self._ready()
        with self._errors():
            handle: Any = self._handle
            return _read_rows(handle.execute(query))

    def row(self, query: Select) -> Row | None:
        """Return the first row of a SELECT, or None."""
        rows = self.rows(query.limit(1))
        return rows[0] if rows else None

    def get_row(self, query: Select, missing: MerlinError) -> Row:
        """Return the first row of a SELECT. Raises `missing` if there is none."""
        row = self.row(query)
        if row is None:
            raise missing
        return row

    def count(self, table: Table, where: Any) -> int:
        """Return the number of rows of a table that fulfil a condition."""
        return int(self.value(table.select(fn.COUNT(SQL("*"))).where(where)))

    def has(self, table: Table, where: Any) -> bool:
        """Return whether any row of a table fulfils a condition."""
        return self.row(table.select(SQL("1")).where(where)) is not None

    def value(self, query: Select) -> Any:
        """Return the first column of the first row of a SELECT, or None."""
        row = self.row(query)
        return row[0] if row else None

    def change(self, query: Query) -> int:
        """Execute any UPDATE or DELETE; return the number of changed rows."""
        return int(self._done(query))

    def update(self, table: Table, where: Any, **values: object) -> bool:
        """Set columns of the rows that fulfil a condition; return whether there are any."""
        return self.change(table.update(values).where(where)) > 0

    def delete(self, table: Table, where: Any) -> int:
        """Delete the rows that fulfil a condition; return their number."""
        return self.change(table.delete().where(where))

    def add(self, table: Table, values: Mapping[str, object]) -> int:
        """Insert one row into a table with a numeric `id`; return its id."""
        return int(self._done(table.insert(dict(values))))

    def put(self, query: Insert) -> bool:
        """Execute an INSERT of one row that may conflict; return whether a row was stored."""
        return int(self._done(query.as_rowcount())) > 0

    def add_new(self, table: Table, values: Mapping[str, object]) -> bool:
        """Insert one row unless its key exists; return whether it was stored."""
        return self.put(table.insert(dict(values)).on_conflict_ignore())

    def upsert(
        self, table: Table, key: Mapping[str, object], values: Mapping[str, object]
    ) -> None:
        """Insert one row, or update the row of this key."""
        new = table.insert({**key, **values})
        self._done(new.on_conflict(conflict_target=[*key], update={**values}))

    def add_many(self, table: Table, rows: Iterable[Columns]) -> None:
        """Insert rows with the same columns, all or none."""
        self.run_in_transaction(lambda: self._insert(table, rows))

    def add_missing(self, table: Table, rows: Iterable[Columns]) -> None:
        """Insert the rows whose keys do not exist; leave existing rows unchanged."""
        self.run_in_transaction(lambda: self._insert(table, rows, is_missing_only=True))

    def _insert(
        self, table: Table, rows: Iterable[Columns], *, is_missing_only: bool = False
    ) -> None:
        for portion in in_portions(rows, CHUNK):
            new = table.insert(portion)
            self._done(new.on_conflict_ignore() if is_missing_only else new)

    def _done(self, query: Query) -> Any:
        self._ready()
        with self._errors():
            return query.bind(self._handle).execute(self._handle)

    def _execute(self, statement: str, values: Sequence[object] | Columns = ()) -> Any:
        run: Any = self._handle.execute_sql
        with self._errors():
            return run(statement, values)

    def for_update(self, query: Select) -> Select:
        """Return the SELECT with its rows locked until the transaction ends."""
        # A writing SQLite transaction is exclusive from its start.
        return query if self.dialect == "sqlite" else query.for_update()

    def script(self, sql: str) -> None:
        """Execute the statements of a schema, each ended by a semicolon at the end of a line.

        Indented lines belong to the statement above them: the body of a trigger.
        """
        for statement in re.split(r";\n(?![ \t])", sql):
            if statement.strip():
                self._execute(statement)

    def sql(self, statement: str, *values: object, **named: object) -> list[Row]:
        """Return the rows of a plain statement, with `?` or `:name` for its values."""
        self._ready()
        with self._errors():
            spelled = _spell(statement, self.dialect)
            cursor = self._execute(spelled, named or values)
            return _read_rows(cursor) if cursor.description else []

    def run(self, statement: str, **values: object) -> int:
        """Execute a plain INSERT, UPDATE or DELETE; return the number of stored rows."""
        self._ready()
        return int(self._execute(_spell(statement, self.dialect), values).rowcount)

    def run_many(self, statement: str, rows: Iterable[Columns]) -> None:
        """Execute a plain INSERT for each row, all or none: peewee takes five times as long."""
        spelled = _spell(statement, self.dialect)
        values = [storable_values(row) for row in rows]

        def insert() -> None:
            cursor: Any = self._handle.cursor
            with self._errors():
                cursor().executemany(spelled, values)

        self.run_in_transaction(insert)

    def has_table(self, name: str) -> bool:
        """Return whether the table exists."""
        self._ready()
        try:
            with self._errors():
                return bool(self._handle.table_exists(name))
        except UnicodeDecodeError as error:  # how SQLite reports a damaged schema
            raise DatabaseDamaged(
                str(error), "store-damaged", found=str(error)
            ) from error

    def announce_change(self) -> None:
        """Notify the other processes when the current transaction is committed."""
        if self._handle.in_transaction():
            self._marks.wakes = True
        else:
            self.transact(self.announce_change)

    def announce(self) -> None:
        """Wake those that `listen`, in every process."""
        self._ready()
        with self._errors():
            self._handle.announce()

    @contextmanager
    def listen(self, look_s: float) -> Iterator[Wait]:
        """Yield a function that waits for the next `announce`, for so many seconds at most.

        `look_s` is its pause where the system tells of nothing. It raises DatabaseAway.
        """
        self._ready()
        with self._errors(), self._handle.listen(look_s) as wait:
            yield wait

    def quick_check(self) -> None:
        """Check the whole SQLite file once. Raises DatabaseDamaged; does nothing on PostgreSQL."""
        if self.dialect != "sqlite":
            return
        found = [str(row[0]) for row in self.sql("PRAGMA quick_check(3)")]
        if found != ["ok"]:
            raise DatabaseDamaged(
                f"quick_check: {found}", "store-damaged", found="; ".join(found)
            )

    @property
    def connection_counter(self) -> dict[str, int]:
        """Return the heartbeat's counter of PostgreSQL connections that this process keeps."""
        return {"connections": len(self._handle.registry)} if self.is_shared else {}

    def require_writable(self, min_free: int = MIN_FREE_BYTES) -> None:
        """Store a write that changes nothing. Raises DatabaseAway: full, read-only or away."""
        if self.dialect == "sqlite":
            # The main file comes first; temporary tables have an entry too.
            path = self.sql("PRAGMA database_list")[0][2]
            require_room(Path(path).parent, min_free)
        self.run_in_transaction(lambda: self._execute(_LOCK_COUNTER))

    def open(self) -> None:
        """Open this thread's connection. Raises MerlinError: away, damaged or busy."""
        self._retry_conflicts(lambda: self._handle.connect(reuse_if_open=True))

    def close(self) -> None:
        """Close the connections of all threads, after their work has ended."""
        if not self._handle.is_closed():
            self._handle.close()
        self._handle.registry.close_all()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_database(
    url: str,
    *,
    read_only: bool = False,
    busy_s: float = 5.0,
    cipher: Cipher | None = None,
) -> Database:
    """Return the open database at `url`: `sqlite:///absolute/path` or `postgresql://…`.

    SQLite: WAL, synchronous=FULL, foreign keys, a lock timeout of `busy_s` seconds with several
    retries. A read-only database must exist and is never written. `cipher` encrypts people's
    texts, None if none are read or written. Raises ConfigError for another kind of address,
    DatabaseAway, DatabaseDamaged.
    """
    database = Database(
        connect(url, read_only=read_only, busy_s=busy_s), is_read_only=read_only
    )
    database.cipher = cipher
    try:
        database.open()
    except BaseException as error:
        database.close()
        if isinstance(error, DatabaseAway) and url.startswith("sqlite:"):
            require_storage(url)  # SQLite itself gives no reason
        raise
    return database


def require_room(folder: Path, min_free: int = MIN_FREE_BYTES) -> None:
    """Raise DatabaseAway if the disk of a folder is full.

    SQLite writes into the room that its log has already: small writes succeed on a full disk for a
    while, large ones do not. A folder that does not exist yet is judged by its nearest parent.
    """
    existing = next(
        path for path in (folder, *folder.absolute().parents) if path.exists()
    )
    if shutil.disk_usage(existing).free < min_free:
        raise DatabaseAway("the disk is full", "store-no-room", folder=str(folder))


def require_storage(url: str, min_free: int = MIN_FREE_BYTES) -> None:
    """Look whether writes to a database can succeed, without writing.

    Raises DatabaseAway: the disk is full, or the file or server is read-only.
    """
    if url.startswith("sqlite:"):
        path = sqlite_path(url)
        if path.exists():
            if not os.access(path, os.R_OK):
                reason = f"{path}: {os.strerror(errno.EACCES)}"
                raise DatabaseAway(reason, "store-unavailable", reason=reason)
            if not os.access(path, os.W_OK):
                raise DatabaseAway(f"{path} is read-only", "store-read-only")
            require_room(path.parent, min_free)
        return
    with driver_errors(), open_session(url) as session:
        row = session.execute("SHOW transaction_read_only").fetchone()
    if row == ("on",):
        raise DatabaseAway("the server is read-only", "store-read-only")


def in_portions(
    rows: Iterable[E], most: int = PORTION, size: Callable[[E], int] = lambda _: 0
) -> Iterator[list[E]]:
    """Yield the rows in lists of at most `most`, and of about `PORTION_SIZE` by `size`.

    Each list is meant for a short transaction: while SQLite writes, no other process can.
    """
    portion: list[E] = []
    total = 0
    for row in rows:
        portion.append(row)
        total += size(row)
        if len(portion) == most or total >= PORTION_SIZE:
            yield portion
            portion = []
            total = 0
    if portion:
        yield portion


class Repository:
    """The named queries of one subject; `clock` gives the time of what they write."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        self.db = db
        self._clock = clock

    def _mark_revoked(self, table: Table, condition: Any) -> bool:
        """Mark the rows as revoked now; False if there are none."""
        return self.db.update(table, condition, revoked_at=iso(self._clock()))


class BotRepository(Repository):
    """A repository of the rows of one bot."""

    def __init__(self, db: Database, bot_id: int, clock: Clock = utc_now) -> None:
        super().__init__(db, clock)
        self._bot_id = bot_id

    def _match(self, table: Table, **values: object) -> Any:
        """Return the condition for this bot's rows of a table that have these values."""
        columns = {"bot_id": self._bot_id, **values}.items()
        return reduce(and_, (getattr(table, name) == value for name, value in columns))


class _HasDatabase(Protocol):
    """A repository, or the context of an act."""

    @property
    def db(self) -> Database:
        """Return the database."""


S = TypeVar("S", bound=_HasDatabase)


def transaction(
    method: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], T]:
    """Run a method of a repository, or an act, in one transaction of its `db`, or in the current.

    An act takes its context first.
    """

    @wraps(method)
    def whole(self: S, /, *args: P.args, **named: P.kwargs) -> T:
        return self.db.run_in_transaction(lambda: method(self, *args, **named))

    return whole


# Executed for every question: a plain statement takes a tenth of the time.
_LOCK_USER = "SELECT user_id FROM person WHERE user_id = ? FOR UPDATE"


def lock_user(db: Database, user_id: int, clock: Clock | None = None) -> None:
    """Lock the person's row until the transaction ends; with a clock, insert a missing one."""
    if db.dialect == "sqlite":  # where writing transactions are exclusive anyway
        return
    if not db.sql(_LOCK_USER, user_id) and clock is not None:
        first = {"user_id": user_id, "language_code": ""}
        db.add_new(PERSON, {**first, "first_seen_at": iso(clock())})
        db.sql(_LOCK_USER, user_id)
