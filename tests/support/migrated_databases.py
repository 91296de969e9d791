"""Databases without rows whose schema is up to date.

SQLite files, copied from one that was migrated once a process; where MERLIN_TEST_DATABASE says
`postgresql`, databases of the one server of the process, copied there.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from merlin.db.database import open_database
from merlin.db.migrations import migrate

# Read before the tests lose sight of the environment.
_IS_POSTGRESQL = os.environ.get("MERLIN_TEST_DATABASE") == "postgresql"
_made: dict[Path, str] = {}
_ended = ExitStack()

# Skipped only by `make test-postgresql`; `make test` and `.ci/run` run these tests.
only_sqlite = pytest.mark.skipif(_IS_POSTGRESQL, reason="reads or moves the file of SQLite")


@cache
def _content():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "merlin.db"
        with open_database(f"sqlite://{path}") as database:
            migrate(database)
        return path.read_bytes()


def fresh_database(path):
    """Return the address of the database of this path, made where there is none yet."""
    url = f"sqlite://{path}"
    if _IS_POSTGRESQL:
        return _on_postgresql(Path(path))
    put_migrated(url)
    return url


def table_names(database):
    """Return the names of all tables."""
    return [table for table in database._handle.get_tables() if table != "sqlite_sequence"]


def lose_database(url):
    """Let an address be that of a database without any table, or of a file that is gone."""
    if url.startswith("sqlite://"):
        path = Path(url.removeprefix("sqlite://"))
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()
        return
    _server().drop(url)
    _server().make(url.rpartition("/")[2])


def put_migrated(url):
    """Let there be a database without rows at a SQLite address; what is there stays as it is."""
    path = Path(url.removeprefix("sqlite://"))
    if not url.startswith("sqlite://") or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(_content())


def end():
    """End the server of this process, if any."""
    _ended.close()


@cache
def _server():
    """Return the server of this process; that of the fixture is stopped by tests."""
    from tests.support import postgresql

    return _ended.enter_context(postgresql.running())


def _on_postgresql(path):
    server = _server()
    for gone in [each for each in _made if not each.parent.exists()]:
        server.drop(_made.pop(gone))
    if path not in _made:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _made[path] = server.make(template="empty")
    return _made[path]
