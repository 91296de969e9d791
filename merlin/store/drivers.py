"""Drivers: SQLite's is always there, PostgreSQL's is loaded by a process that uses it.

peewee loads each driver that is installed, and psycopg with its libraries takes 10 MB of memory
and a tenth of a second of a start.
"""

from __future__ import annotations

import sys


def leave_out_unused(url: str) -> None:
    """Let this process do without PostgreSQL's driver where its database is SQLite.

    To be said before `peewee` is imported; later it changes nothing.
    """
    if url.startswith("sqlite:") and "peewee" not in sys.modules:
        # Python's own way of saying that a module is not to be had.
        sys.modules["psycopg"] = None  # type: ignore[assignment]
