"""A real PostgreSQL for the tests, started once a test process on a free port.

It runs as the user postgres when the tests run as root (it refuses root).
"""

import base64
import itertools
import os
import pwd
import subprocess
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from merlin.core.server import free_ports
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from tests.support.ending import wait_for_end
from tests.support.waiting import longest

BIN = Path("/usr/lib/postgresql/15/bin")
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migration'"
FAST_SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "autovacuum=off",
)
SMALL_SETTINGS = ("shared_buffers=16MB", "max_connections=60", "deadlock_timeout=50ms")
# Processes on PostgreSQL need the credential.
TEXT_KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
# ALTER SEQUENCE … RESTART would make a new file for each.
FIRST_IDS = "SELECT setval(seqrelid::regclass, 1, false) FROM pg_sequence"


class Server:
    """One PostgreSQL server with its own folder and user."""

    def __init__(self, folder):
        self.folder = folder
        self.names = itertools.count(1)
        self._connection = None
        user = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        self.owner = (
            {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            if user
            else {}
        )
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        self._run(
            "initdb",
            "-A",
            "trust",
            "-U",
            "postgres",
            "-N",
            "--locale=C.UTF-8",
            "-E",
            "UTF8",
        )
        self.start()
        with open_database(self.create("empty")) as database:
            migrate(database)
        with open_database(self.create("shared", "empty")) as database:
            names = [name for (name,) in database.sql(TABLES)]
            rows = [f"DELETE FROM {name}" for name in names]  # noqa: S608 - our own names
        # Four times as fast as TRUNCATE; in replica mode the order of tables does not matter.
        self.delete_rows_sql = "; ".join(
            ["SET session_replication_role = replica", *rows, FIRST_IDS]
        )

    def _run(self, program, *arguments):
        command = [BIN / program, "-D", self.folder / "d", *arguments]
        result = subprocess.run(
            command, cwd="/", capture_output=True, text=True, **self.owner
        )
        assert result.returncode == 0, result.stdout + result.stderr

    def start(self, port=None):
        self.port = port or free_ports(1)[0]
        settings = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            *FAST_SETTINGS,
            *SMALL_SETTINGS,
        ]
        options = (
            " ".join(f"-c {setting}" for setting in settings) + f" -k {self.folder}"
        )
        log = self.folder / "log"
        self._run(
            "pg_ctl",
            "-w",
            "-t",
            str(round(longest())),
            "-o",
            options,
            "-l",
            log,
            "start",
        )

    def stop(self, mode="immediate"):
        self.close()
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def url(self, name):
        os.environ["MERLIN_TEXT_KEY"] = TEXT_KEY  # until the test ends
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def create(self, name=None, template="template0"):
        """Return the URL of a new database; the template `empty` has every table."""
        name = name or f"t{next(self.names)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(
                f'CREATE DATABASE "{name}" TEMPLATE {template} STRATEGY file_copy'
            )
        return self.url(name)

    def reset(self):
        """Return the URL of the shared database, reset to its migrated state."""
        try:
            self._delete_rows()
        except psycopg.OperationalError:  # a test has closed every connection
            self.close()
            self._delete_rows()
        return self.url("shared")

    def close(self):
        """Close the connection of `reset`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _delete_rows(self):
        """Delete all rows over one kept connection: a new one would read the catalogue again."""
        if self._connection is None:
            self._connection = psycopg.connect(self.url("shared"), autocommit=True)
        with self._connection.transaction():
            self._connection.execute(self.delete_rows_sql)
            self._connection.execute(
                "INSERT INTO change_counter (id, counter) VALUES (1, 0), (2, 1), (3, 1)"
            )

    @contextmanager
    def stopped(self):
        """Stop the server for the block; an immediate stop would lose the latest commits."""
        port = self.port
        self.stop("fast")
        try:
            yield
        finally:
            self.start(port)

    def drop(self, url):
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{url.rpartition("/")[2]}" WITH (FORCE)')


def reason_unavailable():
    """Return why no server can be started, None if one can."""
    return None if (BIN / "postgres").exists() else "PostgreSQL is not installed"


# Waits for the end of its input: of the block or of the process, also of one that was killed.
_CLEAN_UP = """
read -r _
if read -r server < "$1/d/postmaster.pid"; then
  kill -QUIT "$server"
  while kill -0 "$server"; do sleep 0.05; done
fi
rm -rf "$1"
"""


@contextmanager
def server_folder():
    """Yield a folder for a server; both are gone after the block, or the end of this process."""
    folder = Path(tempfile.mkdtemp(prefix="merlin-pg-", dir="/tmp"))
    cleaning = subprocess.Popen(
        ["sh", "-c", _CLEAN_UP, "clean-up", folder],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a run that is ended by Ctrl-C ends no session of its own
    )
    try:
        yield folder
    finally:
        wait_for_end(cleaning)


@contextmanager
def run_server():
    """Yield a running server."""
    with server_folder() as folder, closing(Server(folder)) as server:
        yield server
