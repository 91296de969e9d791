"""Drivers: SQLite's is always there, PostgreSQL's is loaded by a process that uses it.

peewee loads each driver that is installed, and psycopg with its libraries takes 10 MB of memory
and a tenth of a second of a start. This module imports nothing of the database for that reason.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


def skip_unused_driver(url: str) -> None:
    """Load peewee without PostgreSQL's driver where this process's database is SQLite.

    Where peewee is loaded already it changes nothing.
    """
    if url.startswith("sqlite:") and "peewee" not in sys.modules:
        with _hidden("psycopg"):
            import_module("peewee")


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Let nobody import a module meanwhile; whoever asks for it by name later gets it."""
    # Python's own way of saying that a module is not to be had.
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
