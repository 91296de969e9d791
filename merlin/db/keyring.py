"""The keys of people's texts, and how they are rotated.

    add a key, which opens -> every process holds it -> let it seal -> every process seals by it
    -> seal anew, a handful at a time -> drop the old keys

It may be stopped anywhere and begun again: a key file with several keys is a change under way.
Old keys stay in the file until nothing is sealed by them and no living process seals by them.
Which keys a process holds it says itself (`KeyHolders`): a file that it should be able to read is
no proof that it did.
"""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from peewee import SQL, fn

from merlin.core import durable_files
from merlin.core.clock import iso, utc_now
from merlin.core.errors import Refused
from merlin.core.heartbeat import SILENT_AFTER_S
from merlin.db.database import Database, Repository, Row, transaction
from merlin.db.encryption import (
    LOOK_S,
    DecryptionFailed,
    KeyFile,
    key_id,
    new_key,
    write_key_draft,
)
from merlin.db.tables import KEY_HOLDER, Table, all_tables
from merlin.db.values import read_row

AT_ONCE = 200
# How long a process that lives may take to say that it holds a key: a daemon's step may be long.
CONFIRM_S = 60.0
# Keys that have not changed are said again so often, so that they are known to be held still.
AGAIN_S = 4.0
_LOOK_AGAIN_S = 0.1
_FORGOTTEN_AFTER = timedelta(days=1)
# Hears after every handful how much is done of how much.
Progress = Callable[[int, int], None]


def add_key(path: Path) -> str:
    """Put a new key behind those of the file, where it only opens; return its name."""
    keys, key = KeyFile(path).read(), new_key()
    _replace(path, [*keys, key])
    return key_id(key)


def promote_key(path: Path, name: str) -> None:
    """Put a key of the file before the others, so that it seals.

    Returns when commands that began before have had the time to read it; they say nothing.
    """
    keys = KeyFile(path).read()
    _replace(path, sorted(keys, key=lambda key: key_id(key) != name))
    time.sleep(2 * LOOK_S)


def withdraw_key(path: Path, name: str) -> None:
    """Take a key that has never sealed out of the file."""
    _replace(path, [key for key in KeyFile(path).read() if key_id(key) != name])


def remove_old_keys(path: Path) -> None:
    """Leave the newest key alone in the file."""
    keys = KeyFile(path).read()
    if len(keys) > 1:
        _replace(path, keys[:1])


def key_ids(path: Path, given: str | None) -> list[str]:
    """Return the names of the keys, the one that seals first."""
    return [key_id(key) for key in KeyFile(path, given).read()]


def _replace(path: Path, keys: list[bytes]) -> None:
    """Write the file anew, for those alone who could read it. Raises Refused to others."""
    path = path.resolve()
    before = path.stat()
    try:
        draft = write_key_draft(path, keys)
        try:
            new = draft.stat()
            if (new.st_uid, new.st_gid) != (before.st_uid, before.st_gid):
                os.chown(draft, before.st_uid, before.st_gid)
            draft.chmod(stat.S_IMODE(before.st_mode))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except PermissionError as error:
        arguments = {"name": str(path), "user": str(before.st_uid)}
        raise Refused(f"{path} is another user's", "key-other-owner", **arguments) from error
    durable_files.sync_file(path.parent)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """What a process said last of the keys that it holds, by their names, the sealing one first."""

    process: str
    host: str
    pid: int
    at: datetime
    holds: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.process} ({self.host}, {self.pid})"

    def is_alive(self, now: datetime) -> bool:
        """Return whether it spoke a short while ago, or still runs on this very machine.

        One that is busy says nothing for a while, and may seal by what it holds all the same.
        """
        if abs((now - self.at).total_seconds()) < SILENT_AFTER_S:
            return True
        if self.host != socket.gethostname():
            return False
        try:
            words = Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        # Not whoever else has been given its number since.
        return self.process.encode() in words


class KeyHolders(Repository):
    """One row for each process that seals: which keys it holds."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._told: tuple[str, ...] = ()
        self._due = 0.0

    @transaction
    def tell(self, process: str, at: datetime) -> None:
        """Look for changed keys and say which there are; to be called about once a second."""
        if not self.db.has_cipher:
            return
        self.db.cipher.refresh()
        holds = self.db.cipher.holds
        if holds == self._told and time.monotonic() < self._due:
            return
        if not self._told:
            forgotten = KEY_HOLDER.at < iso(at - _FORGOTTEN_AFTER)
            self.db.change(KEY_HOLDER.delete().where(forgotten))
        named = {"process": process, "host": socket.gethostname(), "pid": os.getpid()}
        values = {"at": iso(at), "holds": " ".join(holds)}
        self.db.upsert(KEY_HOLDER, named, values)
        self._told, self._due = holds, time.monotonic() + AGAIN_S

    def all(self) -> list[KeyHolder]:
        """Return what each process has said last."""
        rows = self.db.rows(KEY_HOLDER.select().order_by(KEY_HOLDER.process, KEY_HOLDER.pid))
        return [read_row(KeyHolder, row, holds=tuple(row["holds"].split())) for row in rows]

    def wait(self, is_ready: Callable[[KeyHolder], bool]) -> list[KeyHolder]:
        """Wait until every living process is ready; return those that are not within CONFIRM_S."""
        until, first = time.monotonic() + CONFIRM_S, {str(each): each.at for each in self.all()}
        while True:
            late = [
                each
                for each in self.all()
                # A clock of another machine may be wrong: one that speaks on is alive.
                if (each.is_alive(utc_now()) or first.get(str(each)) != each.at)
                and not is_ready(each)
            ]
            if not late or time.monotonic() >= until:
                return late
            time.sleep(_LOOK_AGAIN_S)


class Reencryption(Repository):
    """Every sealed value of a database, sealed by the newest key."""

    def counts(self) -> Mapping[str, int]:
        """Return how many values each key has sealed, by the keys' names."""
        sums: dict[str, int] = {}
        for table, name in _columns():
            column = getattr(table, name)
            # "1.<8 letters>.…": what stands before the second full stop.
            key: Any = fn.SUBSTR(column, 3, 8).alias("key")
            query = table.select(key, fn.COUNT(column).alias("count")).where(column != "")
            for row in self.db.rows(query.group_by(SQL("1"))):
                sums[row["key"]] = sums.get(row["key"], 0) + int(row["count"])
        return sums

    @transaction
    def left(self) -> int:
        """Return how many values other keys have sealed.

        As a writer: in SQLite it waits for whoever sealed before, and has not stored it yet.
        """
        return sum(count for key, count in self.counts().items() if key != self.db.cipher.newest)

    def run(self, progress: Progress) -> int:
        """Seal everything anew; return how many values no key here opens. They stay as they are."""
        done, total, broken = 0, self.left(), 0
        for table, name in _columns():
            after: Row | None = None
            while rows := self._next(table, name, after):
                after = rows[-1]
                changed, unread = self.db.transact(partial(self._seal, table, name, rows))
                done, broken = done + changed, broken + unread
                progress(done, max(total, done))
        return broken

    def _next(self, table: Table, name: str, after: Row | None) -> list[Row]:
        """Return the next rows that another key sealed, in the order of their key."""
        column, keys = getattr(table, name), [getattr(table, each) for each in table.row_key]
        is_old = (column != "") & (fn.SUBSTR(column, 3, 8) != self.db.cipher.newest)
        query = table.select(*keys, column).where(is_old).order_by(*keys).limit(AT_ONCE)
        if after is not None:
            query = query.where(_behind(table, after))
        return self.db.rows(query)

    def _seal(self, table: Table, name: str, rows: list[Row]) -> tuple[int, int]:
        changed = unread = 0
        for row in rows:
            try:
                words = self.db.cipher.open(row[name])
            except DecryptionFailed:
                unread += 1
                continue
            # Only where nobody wrote other words in between: those are sealed by the new key.
            same = [getattr(table, each) == row[each] for each in (*table.row_key, name)]
            new = {name: self.db.cipher.seal(words)}
            changed += self.db.change(table.update(new).where(*same))
        return changed, unread


def _columns() -> Iterator[tuple[Table, str]]:
    """Yield each encrypted column; "" and NULL in one are words that were forgotten."""
    for table in all_tables():
        for name in table.sealed:
            yield table, name


def _behind(table: Table, row: Row) -> Any:
    """Return the condition of rows that come after `row` in the order of their key."""
    condition: Any = None
    for name in reversed(table.row_key):
        column, value = getattr(table, name), row[name]
        here = column > value
        condition = here if condition is None else here | ((column == value) & condition)
    return condition
