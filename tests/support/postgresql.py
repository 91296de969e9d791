"""A real PostgreSQL for the tests, started once a test process on a free port.

It runs as the user postgres when the tests run as root (it refuses root).
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import psycopg

from merlin.core.server import free_ports
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from tests.support.waiting import longest

BIN = Path("/usr/lib/postgresql/15/bin")
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migration'"
QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off")
SMALL = ("shared_buffers=16MB", "max_connections=60", "deadlock_timeout=50ms")
# ALTER SEQUENCE … RESTART would make a new file for each.
FIRST_IDS = "SELECT setval(seqrelid::regclass, 1, false) FROM pg_sequence"


class Server:
    """One PostgreSQL server with its own folder and user."""

    def __init__(self, folder):
        self.folder = folder
        self.names = itertools.count(1)
        self._connection = None
        user = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        self.owner = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        self._run("initdb", "-A", "trust", "-U", "postgres", "-N", "--locale=C.UTF-8", "-E", "UTF8")
        self.start()
        with open_database(self.make("empty")) as database:
            migrate(database)
        with open_database(self.make("shared", "empty")) as database:
            names = [name for (name,) in database.sql(TABLES)]
            rows = [f"DELETE FROM {name}" for name in names]  # noqa: S608 - our own names
        # Four times as fast as TRUNCATE; as a replica it asks for no order among the tables.
        self.emptying = "; ".join(["SET session_replication_role = replica", *rows, FIRST_IDS])

    def _run(self, program, *arguments):
        command = [BIN / program, "-D", self.folder / "d", *arguments]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, **self.owner)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, port=None):
        self.port = port or free_ports(1)[0]
        settings = [f"port={self.port}", "listen_addresses=127.0.0.1", *QUICK, *SMALL]
        options = " ".join(f"-c {setting}" for setting in settings) + f" -k {self.folder}"
        log = self.folder / "log"
        self._run("pg_ctl", "-w", "-t", str(round(longest())), "-o", options, "-l", log, "start")

    def stop(self, mode="immediate"):
        self._forget()
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def url(self, name):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def make(self, name=None, template="template0"):
        """Return the address of a new database; `empty` is one with every table."""
        name = name or f"t{next(self.names)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {template} STRATEGY file_copy')
        return self.url(name)

    def emptied(self):
        """Return the address of the shared database, as the migrations leave it."""
        try:
            self._empty()
        except psycopg.OperationalError:  # a test has ended every connection
            self._forget()
            self._empty()
        return self.url("shared")

    def _forget(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _empty(self):
        """Empty it over a connection that knows the tables: a new one reads them all again."""
        if self._connection is None:
            self._connection = psycopg.connect(self.url("shared"), autocommit=True)
        with self._connection.transaction():
            self._connection.execute(self.emptying)
            self._connection.execute("INSERT INTO wake (id, counter) VALUES (1, 0)")

    @contextmanager
    def silent(self):
        """Let the server be away for a while; at once it would lose what was committed just now."""
        port = self.port
        self.stop("fast")
        try:
            yield
        finally:
            self.start(port)

    def drop(self, url):
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{url.rpartition("/")[2]}" WITH (FORCE)')


def why_not():
    """Return why no server can be started, None when one can."""
    return None if (BIN / "postgres").exists() else "PostgreSQL is not installed"


@contextmanager
def running():
    """Yield a running server; its folder goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="merlin-pg-", dir="/tmp"))
    try:
        server = Server(folder)
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
