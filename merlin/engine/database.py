"""The engine's SQLite database: one connection, one lock, schema migrations.

The repositories (files, jobs, events, models) contain their own SQL. WAL with
synchronous=FULL: a commit survives a loss of power. Also here: pagination of the protocol's lists
(`after`, `limit`, `has_more`).
"""

import errno
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peewee import DatabaseError, OperationalError, SqliteDatabase

from merlin.core.durable_files import is_mark_old
from merlin.core.errors import Unstartable
from merlin.openai_protocol.errors import bad_field, missing
from merlin.openai_protocol.requests import Page

Row = dict[str, Any]

# Oldest first; a released migration is never edited. Statements are separated by semicolons and
# contain none.
_FOLDER = Path(__file__).parent / "migrations"
MIGRATIONS = tuple(path.read_text("utf-8") for path in sorted(_FOLDER.glob("m*.sql")))
# SQLite's disk errors and the corresponding errno.
_DISK_ERRORS = {
    "SQLITE_FULL": errno.ENOSPC,
    "SQLITE_IOERR": errno.EIO,
    "SQLITE_READONLY": errno.EACCES,
}
_HEADER_BYTES = 100  # of an SQLite file
# Folders beside the database whose contents only the database describes.
_DATA_FOLDERS = ("files", "models")


class Database:
    """The open database; thread-safe. Every method raises OSError on a disk error."""

    def __init__(self, path: Path) -> None:
        """Open or create the file and migrate its schema.

        Raises Unstartable if it is damaged, comes from a newer version, or is missing or empty
        while files or models exist: it was lost.
        """
        self._lock = threading.RLock()
        # SQLite deletes the log of an empty file, which may be all that is left.
        if not path.exists() or path.stat().st_size < _HEADER_BYTES:
            _require_no_data(path)
        # Metadata of jobs can name people, so only the owner can read it.
        path.touch(mode=0o600)
        path.chmod(0o600)
        was_left = Path(f"{path}-wal").exists()  # a closed file has no log
        self._db = SqliteDatabase(
            str(path),
            pragmas={"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1},
            thread_safe=False,
            check_same_thread=False,
            timeout=10,
        )
        try:
            with _convert_disk_errors(self._db), _refuse_damage(path):
                self._db.connect()
                version = _check(self._db, path, was_left=was_left)
                if version == 0:  # a new engine's tables stand in the log alone
                    _require_no_data(path)
                self._migrate(version)
        except BaseException:
            self._db.close()
            raise

    def _migrate(self, version: int) -> None:
        for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
            with self.transaction():
                for statement in step.strip().removesuffix(";").split(";"):
                    self._db.execute_sql(statement)
                self._db.execute_sql(f"PRAGMA user_version = {number}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block in a transaction; other writers wait."""
        with self._lock, _convert_disk_errors(self._db), self._db.atomic("IMMEDIATE"):
            yield

    def select(self, sql: str, *values: object) -> list[Row]:
        """Return the rows of a query as dicts by column name."""
        with self._lock, _convert_disk_errors(self._db):
            cursor = self._db.execute_sql(sql, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def find_row(self, sql: str, *values: object) -> Row | None:
        """Return the first row of a query, None if there is none."""
        return next(iter(self.select(sql, *values)), None)

    def insert(self, table: str, conflict: str = "ABORT", /, **columns: object) -> None:
        """Insert one row; all but its values must be trusted.

        `conflict` with a row that exists: ABORT raises, IGNORE keeps it, REPLACE deletes it.
        """
        marks = ", ".join("?" * len(columns))
        sql = (
            f"INSERT OR {conflict} INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our own names
        )
        self.change(sql, *columns.values())

    def change(self, sql: str, *values: object) -> int:
        """Execute one INSERT, UPDATE or DELETE; return the number of affected rows."""
        with self._lock, _convert_disk_errors(self._db):
            return int(self._db.execute_sql(sql, values).rowcount)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()


def _require_no_data(path: Path) -> None:
    leftovers = [name for name in _DATA_FOLDERS if any((path.parent / name).glob("*"))]
    if leftovers:
        raise Unstartable(
            f"{path} is gone or empty, {leftovers} are not",
            "engine-db-missing",
            path=str(path),
            left=", ".join(leftovers),
        )


def _check(db: SqliteDatabase, path: Path, *, was_left: bool) -> int:
    """Return the schema's version. Raises DatabaseError for damage, Unstartable for a newer one."""
    mark = Path(f"{path}.checked")
    if was_left or is_mark_old(mark):
        result = db.execute_sql("PRAGMA quick_check(1)").fetchone()[0]
        if result != "ok":
            raise DatabaseError(result)
        mark.touch(0o600)
    version = int(db.execute_sql("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise Unstartable(
            f"step {version} of {path} is unknown", "engine-db-newer", path=str(path)
        )
    return version


@contextmanager
def _refuse_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        if isinstance(error, OperationalError):  # it is locked, or the disk refuses
            raise
        raise Unstartable(
            f"{path}: {error}", "engine-db-damaged", path=str(path), found=str(error)
        ) from error


@contextmanager
def _convert_disk_errors(db: SqliteDatabase) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        for name in _list_error_names(error):
            for prefix, number in _DISK_ERRORS.items():
                if name.startswith(prefix):
                    raise OSError(number, os.strerror(number), db.database) from error
        raise


def _list_error_names(error: BaseException | None) -> list[str]:
    """Return SQLite's names of an error and of its chain of contexts.

    SQLite rolls back by itself when the disk is full, so the original error is the context of
    "no transaction is active".
    """
    names = []
    while error is not None:
        names.append(str(getattr(error, "sqlite_errorname", "")))
        error = error.__context__
    return names


def read_page(
    database: Database, table: str, where: str, values: Sequence[object], page: Page
) -> tuple[list[Row], bool]:
    """Return the rows of one page and whether more follow.

    `table` and `where` must be trusted SQL. Raises ApiError 400 if `after` is not in the list.
    """
    sign, order = (">", "ASC") if page.is_oldest_first else ("<", "DESC")
    condition = where
    parameters = list(values)
    if page.after:
        position_query = f"SELECT seq FROM {table} WHERE {where} AND id = ?"  # noqa: S608 - no caller's words
        last = database.find_row(position_query, *values, page.after)
        if last is None:
            message = f"after: nothing in this list has the id {page.after[:80]}"
            raise bad_field("after", message)
        condition += f" AND seq {sign} ?"
        parameters.append(last["seq"])
    sql = f"SELECT * FROM {table} WHERE {condition} ORDER BY seq {order} LIMIT ?"  # noqa: S608 - no caller's words
    page_rows = database.select(sql, *parameters, page.limit + 1)
    return page_rows[: page.limit], len(page_rows) > page.limit


# By table: the display name of its objects, the protocol's parameter with their ids.
_OBJECTS = {
    "file": ("File object", "file_id"),
    "job": ("fine-tuning job", "fine_tuning_job_id"),
}


def read_object(database: Database, table: str, object_id: str) -> Row:
    """Return the row of an object. Raises ApiError 404 without one."""
    sql = f"SELECT * FROM {table} WHERE id = ?"  # noqa: S608 - our own names
    row = database.find_row(sql, object_id)
    if row is None:
        kind, parameter = _OBJECTS[table]
        raise missing(kind, object_id, parameter)
    return row
