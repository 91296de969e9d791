"""The keys of people's texts and their rotation.

    add a key, which only decrypts -> every process has loaded it -> let it encrypt -> every
    process encrypts with it -> encrypt all texts again, in batches -> remove the old keys

A rotation may be interrupted at any point and repeated: a key file with several keys means that one
is in progress. Old keys stay in the file until no text and no running process uses them. Each
process reports the keys that it has loaded (`KeyHolders`): that it could read the file does not
prove that it did.
"""

import os
import socket
import stat
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from peewee import SQL, Tuple, fn

from merlin.core import durable_files
from merlin.core.clock import iso, utc_now
from merlin.core.errors import ConfigError, Refused
from merlin.core.heartbeat import SILENT_AFTER_S
from merlin.db.database import Database, Repository, Row, transaction
from merlin.db.encryption import LOOK_S, DecryptionFailed, KeyFile, draft_key_file, key_id, new_key
from merlin.db.tables import KEY_HOLDER, Table, list_all_tables
from merlin.db.values import read_row

AT_ONCE = 200
# The time in which a running process must report a key: a tick of the daemon may be long.
CONFIRM_S = 60.0
# The interval at which unchanged keys are reported again.
AGAIN_S = 4.0
_LOOK_AGAIN_S = 0.1
_FORGOTTEN_AFTER = timedelta(days=1)
# Called after each batch with the number of texts done and the total.
Progress = Callable[[int, int], None]


def add_key(path: Path) -> str:
    """Append a new key to the file, where it only decrypts; return its id."""
    keys, key = KeyFile(path).read(), new_key()
    _replace(path, [*keys, key])
    return key_id(key)


def promote_key(path: Path, name: str) -> None:
    """Move a key of the file to the first place, so that it encrypts.

    Then waits until commands that started earlier have read the file: commands report no keys.
    """
    keys = KeyFile(path).read()
    _replace(path, sorted(keys, key=lambda key: key_id(key) != name))
    time.sleep(2 * LOOK_S)


def remove_other_keys(path: Path) -> None:
    """Remove all keys but the encrypting one from the file."""
    keys = KeyFile(path).read()
    if len(keys) > 1:
        _replace(path, keys[:1])


def key_ids(path: Path, given: str | None) -> list[str]:
    """Return the ids of the keys, the encrypting one first; [] if there is none."""
    if given is None and not path.exists():
        return []
    return [key_id(key) for key in KeyFile(path, given).read()]


def require_key_of_texts(db: Database, held: Collection[str]) -> None:
    """Raise ConfigError if another key than the `held` ones encrypted the database's texts.

    Reads one text of each column: all of them would delay each start.
    """
    for table, name in _columns():
        column = getattr(table, name)
        sealed = db.value(table.select(column).where(column != "").limit(1))
        if sealed and (key := str(sealed).split(".")[1]) not in held:
            raise ConfigError(f"texts of the key {key}", "store-no-key", key_id=key)


def _replace(path: Path, keys: list[bytes]) -> None:
    """Replace the file; its owner and mode stay. Raises Refused without permission."""
    path = path.resolve()
    before = path.stat()
    # What killed processes left holds keys, too.
    durable_files.remove_abandoned(path.parent.glob(f".{path.name}.*"))
    try:
        with draft_key_file(path, keys) as draft:
            new = draft.stat()
            if (new.st_uid, new.st_gid) != (before.st_uid, before.st_gid):
                os.chown(draft, before.st_uid, before.st_gid)
            draft.chmod(stat.S_IMODE(before.st_mode))
            draft.replace(path)
    except PermissionError as error:
        arguments = {"name": str(path), "user": str(before.st_uid)}
        raise Refused(f"{path} is another user's", "key-other-owner", **arguments) from error
    durable_files.sync_file(path.parent)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """The ids of the keys that a process last reported, the encrypting one first."""

    process: str
    host: str
    pid: int
    at: datetime
    holds: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.process} ({self.host}, {self.pid})"

    def is_alive(self, now: datetime) -> bool:
        """Return whether it reported recently, or still runs on this machine.

        A busy process does not report for a while, but may still encrypt with its keys.
        """
        if abs((now - self.at).total_seconds()) < SILENT_AFTER_S:
            return True
        if self.host != socket.gethostname():
            return False
        try:
            words = Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        # Not another process that got its pid since.
        return self.process.encode() in words


class KeyHolders(Repository):
    """One row for each process that encrypts, with its keys."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._reported: tuple[str, ...] = ()
        self._due = 0.0

    @transaction
    def tell(self, process: str, at: datetime) -> None:
        """Load changed keys and report them; call this about once a second."""
        if not self.db.has_cipher:
            return
        self.db.cipher.refresh()
        holds = self.db.cipher.holds
        if holds == self._reported and time.monotonic() < self._due:
            return
        if not self._reported:
            forgotten = KEY_HOLDER.at < iso(at - _FORGOTTEN_AFTER)
            self.db.delete(KEY_HOLDER, forgotten)
        named = {"process": process, "host": socket.gethostname(), "pid": os.getpid()}
        values = {"at": iso(at), "holds": " ".join(holds)}
        self.db.upsert(KEY_HOLDER, named, values)
        self._reported, self._due = holds, time.monotonic() + AGAIN_S

    def list_all(self) -> list[KeyHolder]:
        """Return the last report of each process."""
        rows = self.db.rows(KEY_HOLDER.select().order_by(KEY_HOLDER.process, KEY_HOLDER.pid))
        return [read_row(KeyHolder, row, holds=tuple(row["holds"].split())) for row in rows]

    def wait(self, is_ready: Callable[[KeyHolder], bool]) -> list[KeyHolder]:
        """Wait until every running process is ready; return those that are not after CONFIRM_S."""
        until = time.monotonic() + CONFIRM_S
        first = {str(each): each.at for each in self.list_all()}
        while True:
            late = [
                each
                for each in self.list_all()
                # Another machine's clock may be wrong: a process that goes on reporting is alive.
                if (each.is_alive(utc_now()) or first.get(str(each)) != each.at)
                and not is_ready(each)
            ]
            if not late or time.monotonic() >= until:
                return late
            time.sleep(_LOOK_AGAIN_S)


class Reencryption(Repository):
    """Encrypts every encrypted value of a database again, with the newest key."""

    def count_by_key(self) -> Mapping[str, int]:
        """Return the number of values that each key encrypted, by key id."""
        sums: dict[str, int] = {}
        for table, name in _columns():
            column = getattr(table, name)
            # "1.<8 letters>.…": the part before the second full stop.
            key: Any = fn.SUBSTR(column, 3, 8).alias("key")
            query = table.select(key, fn.COUNT(column).alias("count")).where(column != "")
            for row in self.db.rows(query.group_by(SQL("1"))):
                sums[row["key"]] = sums.get(row["key"], 0) + int(row["count"])
        return sums

    @transaction
    def left(self) -> int:
        """Return the number of values that other keys encrypted.

        Takes the write lock, so that in SQLite it waits for writers that have already encrypted.
        """
        return sum(
            count for key, count in self.count_by_key().items() if key != self.db.cipher.newest
        )

    def run(self, progress: Progress) -> int:
        """Encrypt everything again; return the number of values that no key decrypts; they stay."""
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
        """Return the next rows that another key encrypted, in the order of their primary key."""
        column, keys = getattr(table, name), [getattr(table, each) for each in table.row_key]
        is_old = (column != "") & (fn.SUBSTR(column, 3, 8) != self.db.cipher.newest)
        query = table.select(*keys, column).where(is_old).order_by(*keys).limit(AT_ONCE)
        if after is not None:
            query = query.where(Tuple(*keys) > Tuple(*(after[each] for each in table.row_key)))
        return self.db.rows(query)

    def _seal(self, table: Table, name: str, rows: list[Row]) -> tuple[int, int]:
        changed = unread = 0
        for row in rows:
            try:
                words = self.db.cipher.open(row[name])
            except DecryptionFailed:
                unread += 1
                continue
            # Unless the value was rewritten in between: then the new key has encrypted it already.
            same = [getattr(table, each) == row[each] for each in (*table.row_key, name)]
            new = {name: self.db.cipher.seal(words)}
            changed += self.db.change(table.update(new).where(*same))
        return changed, unread


def _columns() -> Iterator[tuple[Table, str]]:
    """Yield each encrypted column; "" and NULL stand for deleted texts."""
    for table in list_all_tables():
        for name in table.sealed:
            yield table, name
