"""The database of an installation, opened as its processes open it."""

from contextlib import contextmanager

from merlin.wiring.context import make_cipher, open_migrated_database


@contextmanager
def open_with_key(config):
    """Yield the database with the key of people's texts."""
    with open_migrated_database(config) as database:
        database.cipher = make_cipher(config, database)
        yield database
