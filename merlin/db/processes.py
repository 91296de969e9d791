"""Coordination of processes: heartbeats, the leader's lock, the change counter.

Of several daemons one works, and of several polling bots one polls; the lock of a dead process is
free at once. On one machine the lock is a file lock under `state_dir/run`. On PostgreSQL there is
also an advisory lock in a session of its own, because processes may run on several machines.

The change counter is one row that counts the writes which other processes wait for: by it they
learn within a second of new work.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString

from merlin.core.clock import iso, utc_now
from merlin.core.durable_files import try_lock
from merlin.core.errors import LeadTaken
from merlin.core.heartbeat import SILENT_AFTER_S, Heartbeat
from merlin.core.log import redact
from merlin.db.connections import open_session
from merlin.db.database import Database, Repository, transaction
from merlin.db.driver_errors import DatabaseAway, driver_errors
from merlin.db.notices import Notices
from merlin.db.tables import CHANGES, HEARTBEAT
from merlin.db.values import RowMap

if TYPE_CHECKING:
    import psycopg


# Longer than any answer takes.
CALL_LIMIT = timedelta(minutes=10)
# Each new pod and container is another host.
_FORGOTTEN_AFTER = timedelta(days=7)


class Heartbeats(Repository):
    """One row per process and host."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._sent = dict[tuple[str, str], int]()
        self._other: Heartbeat | None = None

    @transaction
    def beat(self, heartbeat: Heartbeat) -> None:
        """Store the heartbeat; notify the admins of steps that fail repeatedly.

        Two processes of a kind on one host share the row: it keeps the start of the older one.
        """
        failing = {step: redact(why) for step, why in heartbeat.failing.items()}
        named = {"process": heartbeat.process, "host": heartbeat.host}
        is_here = (HEARTBEAT.process == heartbeat.process) & (
            HEARTBEAT.host == heartbeat.host
        )
        stored = _HEARTBEATS.find(self.db, HEARTBEAT.select().where(is_here))
        if stored is not None and stored.pid != heartbeat.pid:
            self._other = stored
        other = self._other
        # A process whose pid is gone has ended, and its calls with it.
        if other is not None and other.has_process:
            heartbeat = replace(heartbeat, since=min(heartbeat.since, other.since))
        row = _HEARTBEATS.write(replace(heartbeat, failing=failing), but=named)
        self.db.upsert(HEARTBEAT, named, row)
        if not self._sent:
            self.db.delete(
                HEARTBEAT, HEARTBEAT.at < iso(heartbeat.at - _FORGOTTEN_AFTER)
            )
        self._sent[heartbeat.process, heartbeat.host] = heartbeat.pid
        notices = Notices(self.db, lambda: heartbeat.at)
        notices.notify_failing_steps(heartbeat.process, heartbeat.failing)

    @transaction
    def withdraw(self) -> None:
        """Let nobody take this process for a live one: it ends."""
        silent_since = iso(utc_now() - timedelta(seconds=SILENT_AFTER_S))
        for (process, host), pid in self._sent.items():
            is_ours = (HEARTBEAT.process == process) & (HEARTBEAT.host == host)
            self.db.update(HEARTBEAT, is_ours & (HEARTBEAT.pid == pid), at=silent_since)

    def list_all(self) -> list[Heartbeat]:
        """Return the last heartbeat of every process, by process and host."""
        found = _HEARTBEATS.read_all(self.db, HEARTBEAT.select())
        return sorted(found, key=lambda each: (each.process, each.host))

    def find_oldest_start(self, process: str, now: datetime) -> datetime:
        """Return since when calls of a process may run: the start of its oldest live instance.

        `CALL_LIMIT` ago at the latest. What was begun earlier ended with its process.
        """
        earliest = now - CALL_LIMIT
        starts = (
            b.since for b in self.list_all() if b.process == process and b.is_alive(now)
        )
        oldest = min(starts, default=earliest)
        # A start of the future was before the clock was set back.
        return oldest if earliest < oldest <= now else earliest


_HEARTBEATS = RowMap(Heartbeat)

_UNLOCK = "SELECT pg_advisory_unlock(%s)"
# The server closes the session of a machine that is down; its own defaults take two hours.
_NOTICE_SILENCE = """
SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3
"""
_HELD = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"


class Lead:
    """The lock of the one process that works under a name, taken without waiting.

    `keep` and `release` may be called in threads: they may wait for the database.
    """

    def __init__(
        self, state_dir: Path, database_url: str, name: str = "daemon"
    ) -> None:
        self._path = state_dir / "run" / f"{name}.lock"
        # A signed 64-bit lock number that no other program uses in this database.
        digest = hashlib.sha256(f"merlin lead {name}".encode()).digest()
        self._number = int.from_bytes(digest[:8], "big", signed=True)
        self._url = database_url
        self._turn = threading.RLock()
        self._file: int | None = None
        self._session: psycopg.Connection | None = None

    def take(self) -> bool:
        """Take the lead; False if another process has it. Taking it again changes nothing.

        Raises DatabaseAway if PostgreSQL is unavailable.
        """
        if self._file is not None:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = try_lock(self._path)
        if file is None:
            return False
        self._file = file
        try:
            is_ours = self._take_session()
        except BaseException:
            self.release()
            raise
        if not is_ours:
            self.release()
            return False
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}@{socket.gethostname()}\n".encode(), 0)
        return True

    def _take_session(self) -> bool:
        if not self._url.startswith("postgres"):
            return True
        with driver_errors():
            self._session = open_session(self._url, autocommit=True)
            self._session.execute(_NOTICE_SILENCE)
            return self._query("SELECT pg_try_advisory_lock(%s)", self._number)

    def is_held(self) -> bool:
        """Return whether this process still leads; losing the PostgreSQL session ends that."""
        if self._file is None or self._session is None:
            return self._file is not None
        try:
            with driver_errors():
                return self._query(_HELD)
        except DatabaseAway:
            return False

    def keep(self) -> bool:
        """Return whether this process leads; take the lead again if the session was lost.

        False if another process was faster. Raises DatabaseAway if that is unknown.
        """
        with self._turn:
            if self.is_held():
                return True
            if self._file is None:
                return self.take()
            self._end_session()  # the file lock stays: no process on this machine can take over
            if self._take_session():
                return True
            self.release()
            return False

    def _query(self, question: LiteralString, *values: int) -> bool:
        assert self._session is not None  # noqa: S101 - asked only of an open session
        answer = self._session.execute(question, values).fetchone()
        return bool(answer and answer[0])

    def holder(self) -> str:
        """Return PID@HOST of the process with this state folder that leads, "" if none does.

        Containers that share a folder have process ids of their own.
        """
        try:
            return self._path.read_text("utf-8").strip()
        except OSError:
            return ""

    def release(self) -> None:
        """Give the lead back; harmless when it is not ours."""
        with self._turn:
            # The server notices a closed session only later: the next leader need not wait.
            with suppress(DatabaseAway), driver_errors():
                if self._session is not None:
                    self._session.execute(_UNLOCK, (self._number,))
            self._end_session()
            if self._file is not None:
                os.ftruncate(self._file, 0)
                os.close(self._file)
                self._file = None

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> Lead:
        """Take the lead. Raises LeadTaken."""
        self.check()
        return self

    def check(self) -> None:
        """Take the lead unless this process has it. Raises LeadTaken."""
        if not self.take():
            holder = self.holder() or "elsewhere"
            raise LeadTaken("another process leads", "already-running", holder=holder)

    def __exit__(self, *_: object) -> None:
        self.release()


# Every process reads it once a second: peewee takes 0.2 ms to build it.
_COUNTER = "SELECT counter FROM change_counter WHERE id = :id"


def read_change_counter(db: Database) -> int:
    """Return the change counter, which `Database.announce_change` increases."""
    ((counter,),) = db.sql(_COUNTER, id=CHANGES)
    return int(counter)
