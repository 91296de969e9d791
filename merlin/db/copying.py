"""Copy the whole SQLite database into an empty PostgreSQL database.

Rows are copied as they are stored, encrypted columns too, by the drivers and COPY.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from psycopg import Connection, DataError, sql

from merlin.core.errors import MerlinError, Refused
from merlin.core.log import redact
from merlin.db.connections import open_session
from merlin.db.driver_errors import driver_errors
from merlin.db.tables import list_created

# Tables that have rows in a new database.
SEEDED = frozenset({"migration", "change_counter"})


def copy_database(
    source: Path, url: str, advance: Callable[[], None] = lambda: None
) -> dict[str, int]:
    """Copy all rows of an SQLite file into a PostgreSQL database with the same schema and no rows.

    Returns the number of rows of each table. Everything is one transaction: a kill leaves nothing
    behind. `advance` is called after each table. Raises Refused if the target has rows,
    DatabaseAway if PostgreSQL is unavailable.
    """
    with driver_errors(), open_session(url) as target:
        lite = sqlite3.connect(source)
        try:
            lite.execute("BEGIN IMMEDIATE")  # blocks writers until everything is copied
            # Each is created after those that its foreign keys refer to.
            tables = list_created()
            for table in tables:
                has_rows = target.execute(
                    _statement("SELECT 1 FROM {} LIMIT 1", table)
                ).fetchone()
                if table not in SEEDED and has_rows:
                    raise Refused(
                        f"{table} has rows", "migrate-db-not-empty", table=table
                    )
            for table in SEEDED:
                target.execute(_statement("DELETE FROM {}", table))
            copied = {}
            for table in tables:
                copied[table] = _copy_table(lite, target, table, tables[table])
                advance()
            target.execute(
                "ANALYZE"
            )  # until then every query is planned for empty tables
            return copied
        finally:
            lite.close()


def _copy_table(
    lite: sqlite3.Connection, target: Connection, table: str, columns: Sequence[str]
) -> int:
    """Copy the rows of a table; return their number.

    Raises MerlinError for a value that PostgreSQL does not take: SQLite stores any in any column.
    """
    statement = _statement("COPY {} ({}) FROM STDIN", table, columns)
    names = ", ".join(f'"{name}"' for name in columns)
    count = 0
    try:
        with target.cursor().copy(statement) as copy:
            for row in lite.execute(f'SELECT {names} FROM "{table}"'):  # noqa: S608 - our own names
                copy.write_row(row)
                count += 1
    except DataError as error:
        reason = redact(str(error)).partition("\n")[0]
        raise MerlinError(
            reason, "migrate-db-value", table=table, reason=reason
        ) from error
    if "id" in columns:
        # New rows get ids that no row ever had, including deleted ones.
        query = "SELECT seq FROM sqlite_sequence WHERE name = ?"
        given = lite.execute(query, (table,)).fetchone()
        if given is not None and given[0]:
            target.execute(
                "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", (table, given[0])
            )
    return count


def _statement(text: str, table: str, columns: Iterable[str] = ()) -> sql.Composed:
    """Return a statement with the name of the table, and those of the columns, filled in."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL(text).format(sql.Identifier(table), names)
