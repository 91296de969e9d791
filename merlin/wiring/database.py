"""The database of a configuration, opened and brought up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from merlin.config import Config, credential
from merlin.core.errors import NotFound
from merlin.db.connections import sqlite_path
from merlin.db.database import Database, DatabaseDamaged, open_database
from merlin.db.encryption import CREDENTIAL, Cipher, key_path, load_or_make_key
from merlin.db.migrations import migrate, pending


@contextmanager
def opened(config: Config) -> Iterator[Database]:
    """Yield the database with its cipher, its schema up to date; closed at the end.

    Raises ConfigError for a key that is none.
    """
    with open_database(config.database, cipher=existing_cipher(config)) as database:
        migrate(database)
        yield database


def existing_cipher(config: Config) -> Cipher | None:
    """Return the cipher of people's texts; where no key was made yet, none was encrypted."""
    given = credential(CREDENTIAL, is_needed=False) or None
    is_made = given is not None or key_path(config.state_dir).exists()
    return load_or_make_key(config.state_dir, given) if is_made else None


def make_cipher(config: Config) -> Cipher:
    """Return the cipher of people's texts, its key made where there is none. Raises ConfigError."""
    return load_or_make_key(config.state_dir, credential(CREDENTIAL, is_needed=False) or None)


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
    cipher = existing_cipher(config)
    with open_database(config.database, read_only=True, cipher=cipher) as database:
        _needs(not pending(database))
        yield database


def _needs(is_there: bool) -> None:  # noqa: FBT001 - one plain condition
    if not is_there:
        raise NotFound("nothing has been recorded yet", "nothing-recorded")
