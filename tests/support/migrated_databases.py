"""Migrated databases without rows.

SQLite files, copied from one that is migrated once per process; with MERLIN_TEST_DATABASE set to
`postgresql`, databases on one server per process.
"""

import os
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from merlin.db.database import open_database
from merlin.db.encryption import key_path
from merlin.db.migrations import migrate

# Read at import: tests remove this variable from the environment.
IS_POSTGRESQL = os.environ.get("MERLIN_TEST_DATABASE") == "postgresql"
# For races: each runs twice.
on_both_databases = pytest.mark.parametrize(
    "dialect", ["sqlite", "postgresql"], indirect=True
)
_databases: dict[Path, str] = {}
_cleanup = ExitStack()

# Skipped only by `make test-postgresql`; `make test` and `.ci/run` run these tests.
only_sqlite = pytest.mark.skipif(
    IS_POSTGRESQL, reason="needs the file of a SQLite database; PostgreSQL has none"
)


@cache
def _migrated_content():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "merlin.db"
        with open_database(f"sqlite://{path}") as database:
            migrate(database)
        return path.read_bytes()


def fresh_database(path):
    """Return the URL of the database for this path, created if missing."""
    url = f"sqlite://{path}"
    if IS_POSTGRESQL:
        return _create_on_postgresql(Path(path))
    create_migrated(url)
    return url


def copy_database(source, target):
    """Copy the database of one path to another; a SQLite file is copied with its folder."""
    if IS_POSTGRESQL:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = _databases[source].rpartition("/")[2]
        _databases[target] = _server().create(template=name)


def table_names(database):
    """Return the names of all tables."""
    return [
        table for table in database._handle.get_tables() if table != "sqlite_sequence"
    ]


def drop_database(url):
    """Replace the database by one without tables, or delete its file."""
    if url.startswith("sqlite://"):
        path = Path(url.removeprefix("sqlite://"))
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
        return
    _server().drop(url)
    _server().create(url.rpartition("/")[2])


def create_migrated(url):
    """Create a migrated database at a SQLite URL; an existing one stays unchanged."""
    path = Path(url.removeprefix("sqlite://"))
    if not url.startswith("sqlite://") or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(_migrated_content())


def stop_server():
    """Stop the server of this process, if one runs."""
    _cleanup.close()


@cache
def _server():
    """Return the server of this process; tests stop the one of the fixture."""
    from tests.support import postgresql

    return _cleanup.enter_context(postgresql.run_server())


def _create_on_postgresql(path):
    from tests.support.postgresql import TEXT_KEY

    server = _server()
    for removed in [known for known in _databases if not known.parent.exists()]:
        server.drop(_databases.pop(removed))
    if path not in _databases:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _databases[path] = server.create(template="empty")
    # Tests read with the file what processes encrypted with the credential.
    key_path(path.parent).write_text(TEXT_KEY)
    os.environ["MERLIN_TEXT_KEY"] = TEXT_KEY
    return _databases[path]
