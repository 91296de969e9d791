"""The database of a configuration, opened and brought up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from merlin.config import Config
from merlin.core.errors import NotFound
from merlin.db.connections import sqlite_path
from merlin.db.database import Database, DatabaseDamaged, open_database
from merlin.db.migrations import migrate, pending


@contextmanager
def opened(config: Config) -> Iterator[Database]:
    """Yield the database, its schema up to date; closed at the end."""
    with open_database(config.database) as database:
        migrate(database)
        yield database


@contextmanager
def opened_whole(url: str) -> Iterator[Database]:
    """Yield the database of a process: looked through for damage, its schema up to date.

    A process that went on with a damaged file would damage more of it. Raises DatabaseDamaged.
    """
    try:
        with open_database(url) as database:
            database.quick_check()
            migrate(database)
            yield database
    except DatabaseDamaged as fault:
        told = {"found": fault.arguments["found"], "path": str(sqlite_path(url))}
        raise DatabaseDamaged(str(fault), "store-damaged-start", **told) from fault


@contextmanager
def reading(config: Config) -> Iterator[Database]:
    """Yield the database for reading only. Raises NotFound when there is nothing to read yet."""
    path = config.state_dir / "merlin.db"
    if config.database.startswith("sqlite:") and config.database.endswith(str(path)):
        _needs(path.exists())
    with open_database(config.database, read_only=True) as database:
        _needs(not pending(database))
        yield database


def _needs(is_there: bool) -> None:  # noqa: FBT001 - one plain condition
    if not is_there:
        raise NotFound("nothing has been recorded yet", "nothing-recorded")
