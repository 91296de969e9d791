"""What processes tell each other: heartbeats, the leader's lock, the change counter.

Of all daemons that may run, one works, and of several bots that poll, one polls; the lock of a
dead one is free at once. On one machine the lock is a file lock under `state_dir/run`; on
PostgreSQL an advisory lock of a session of its own stands beside it, because processes may run on
several machines.

The change counter is one row that says how many writes somebody waits for there have been: by it
processes learn within a second that something waits for them.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, LiteralString

from merlin.core.durable_files import try_lock
from merlin.core.errors import LeadTaken
from merlin.core.heartbeat import Heartbeat
from merlin.core.log import redact
from merlin.db.connections import open_session
from merlin.db.database import (
    Database,
    DatabaseAway,
    Prepared,
    Repository,
    driver_errors,
    transaction,
)
from merlin.db.keyring import KeyHolders
from merlin.db.notices import Notices, notify_failing_steps
from merlin.db.tables import HEARTBEAT, WAKE
from merlin.db.values import RowMap

if TYPE_CHECKING:
    import psycopg


class Heartbeats(Repository):
    """One row per process and host; with a cipher, its process says which keys it holds too."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._holders = KeyHolders(db)

    @transaction
    def beat(self, heartbeat: Heartbeat) -> None:
        """Store the newest words; tell the admins of the steps that fail again and again."""
        failing = {step: redact(why) for step, why in heartbeat.failing.items()}
        named = {"process": heartbeat.process, "host": heartbeat.host}
        row = _HEARTBEATS.write(replace(heartbeat, failing=failing), but=named)
        self.db.upsert(HEARTBEAT, named, row)
        self._holders.tell(heartbeat.process, heartbeat.at)
        day = heartbeat.at.date()
        notify_failing_steps(Notices(self.db), heartbeat.process, heartbeat.failing, day)

    def all(self) -> list[Heartbeat]:
        """Return every process's newest words, by process and host."""
        found = _HEARTBEATS.read_all(self.db.rows(HEARTBEAT.select()))
        return sorted(found, key=lambda each: (each.process, each.host))


_HEARTBEATS = RowMap(Heartbeat)


_UNLOCK = "SELECT pg_advisory_unlock(%s)"
_END = """
SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_locks JOIN pg_database ON oid = database
WHERE locktype = 'advisory' AND granted AND datname = current_database()
AND (classid::bigint << 32 | objid::bigint) = %s
"""
_HELD = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"


class Lead:
    """The right to be the one of its name, taken without waiting."""

    def __init__(self, state_dir: Path, database_url: str, name: str = "daemon") -> None:
        self._path = state_dir / "run" / f"{name}.lock"
        self._number = _number(name)
        self._url = database_url
        self._file: int | None = None
        self._session: psycopg.Connection | None = None

    def take(self) -> bool:
        """Take the lead; False when another process has it. Taking it twice is taking it once.

        Raises DatabaseAway when PostgreSQL cannot be asked.
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
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        return True

    def _take_session(self) -> bool:
        if not self._url.startswith("postgres"):
            return True
        with driver_errors():
            self._session = open_session(self._url, autocommit=True)
            return self._query("SELECT pg_try_advisory_lock(%s)", self._number)

    def is_held(self) -> bool:
        """Return whether the lead is still ours: with the session on PostgreSQL it is lost."""
        if self._file is None or self._session is None:
            return self._file is not None
        try:
            with driver_errors():
                return self._query(_HELD)
        except DatabaseAway:
            return False

    def end_session_of_leader(self) -> None:
        """End the session on PostgreSQL by which another machine leads: that may be gone.

        Its server would wait for two hours. A leader that lives notices by `keep`.
        """
        with driver_errors(), open_session(self._url) as session:
            session.execute(_END, (self._number,))

    def keep(self) -> bool:
        """Return whether the lead is ours, taken again where its session broke.

        False when another process came first. Raises DatabaseAway when nobody can say.
        """
        if self.is_held():
            return True
        if self._file is None:
            return self.take()
        self._end_session()  # the file stays ours: nobody on this machine slips in
        if self._take_session():
            return True
        self.release()
        return False

    def _query(self, question: LiteralString, *values: int) -> bool:
        assert self._session is not None  # noqa: S101 - asked only of an open session
        answer = self._session.execute(question, values).fetchone()
        return bool(answer and answer[0])

    def holder(self) -> str:
        """Return the process id that the lock file names, "" when nobody wrote one."""
        try:
            return self._path.read_text("ascii").strip()
        except OSError:
            return ""

    def release(self) -> None:
        """Give the lead back; harmless when it is not ours."""
        # The server sees a closed session some time after: who comes next need not wait for that.
        with suppress(DatabaseAway), driver_errors():
            if self._session is not None:
                self._session.execute(_UNLOCK, (self._number,))
        self._end_session()
        if self._file is not None:
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
        """Take the lead where it is not ours. Raises LeadTaken."""
        if not self.take():
            raise LeadTaken("another process leads", "lead-taken", holder=self.holder())

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.release()


class AsyncLead:
    """A lead for an event loop: its calls, which may wait for the database, have a thread."""

    def __init__(self, lead: Lead) -> None:
        self._lead = lead
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="merlin-lead")

    async def keep(self) -> bool:
        """Return whether this process leads, taking the lead where it is free.

        Raises DatabaseAway when nobody can say.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._lead.keep)

    async def release(self) -> None:
        """Give the lead back; harmless when it is not ours."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._lead.release)

    def close(self) -> None:
        """Give the lead back, and end the thread."""
        self._thread.submit(self._lead.release).result()
        self._thread.shutdown()


def _number(name: str) -> int:
    """Return a signed 64-bit number that no other program takes in this database."""
    digest = hashlib.sha256(f"merlin lead {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


# Every process looks at it several times a second.
_COUNTER = Prepared(WAKE.select(WAKE.counter).limit(1))
# At the level debug each look would be a line of the log.
logging.getLogger("peewee").addFilter(lambda line: 'FROM "wake"' not in str(line.msg))


def read_change_counter(db: Database) -> int:
    """Return the change counter; `Database.bump` adds to it."""
    return int(db.value(_COUNTER()))
