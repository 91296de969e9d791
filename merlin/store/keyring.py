"""Keyring: a new key for people's words, and everything sealed anew under it.

    add a key -> every process reads it -> seal anew, a handful at a time -> drop the old keys

It may be stopped anywhere and begun again: a key file with several keys is a change under way.
Old keys stay in the file until nothing is sealed by them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from peewee import fn

from merlin.core import durable
from merlin.store.cipher import LOOK_S, Cipher, KeyFile, SealBroken, drafted, key_id, new_key
from merlin.store.database import Database, Row, transaction
from merlin.store.row_keys import key_of
from merlin.store.sealed_columns import SEALED
from merlin.store.tables import Table

AT_ONCE = 200
# Hears after every handful how much is done of how much.
Progress = Callable[[int, int], None]


def begin(path: Path) -> bool:
    """Put a new key before those of the file; False where a change is under way already.

    Returns when every process on this machine has had the time to read it.
    """
    keys = KeyFile(path).read()
    is_new = len(keys) == 1
    if is_new:
        _replace(path, [new_key(), *keys])
    # Also where it is under way: what began it may have died before anybody read the new key.
    time.sleep(2 * LOOK_S)
    return is_new


def end(path: Path) -> None:
    """Leave the newest key alone in the file."""
    keys = KeyFile(path).read()
    if len(keys) > 1:
        _replace(path, keys[:1])


def ids(path: Path, given: str | None) -> list[str]:
    """Return the names of the keys, the one that seals first."""
    return [key_id(key) for key in KeyFile(path, given).read()]


def _replace(path: Path, keys: list[bytes]) -> None:
    drafted(path, keys).replace(path)
    durable.sync(path.parent)


class Resealing:
    """Every sealed value of a database, sealed by the newest key."""

    def __init__(self, db: Database, cipher: Cipher) -> None:
        self.db = db
        self._cipher = cipher

    def counts(self) -> Mapping[str, int]:
        """Return how many values each key has sealed, by the keys' names."""
        sums: dict[str, int] = {}
        for table, name in _columns():
            column = getattr(table, name)
            # "1.<8 letters>.…": what stands before the second full stop.
            key: Any = fn.SUBSTR(column, 3, 8).alias("key")
            query = table.select(key, fn.COUNT(column).alias("count")).where(column != "")
            for row in self.db.rows(query.group_by(fn.SUBSTR(column, 3, 8))):
                sums[row["key"]] = sums.get(row["key"], 0) + int(row["count"])
        return sums

    @transaction
    def left(self) -> int:
        """Return how many values other keys have sealed.

        As a writer: in SQLite it waits for whoever sealed before, and has not stored it yet.
        """
        return sum(count for key, count in self.counts().items() if key != self._cipher.newest)

    def run(self, progress: Progress) -> int:
        """Seal everything anew; return how many values no key here opens. They stay as they are."""
        done, total, broken = 0, self.left(), 0
        for table, name in _columns():
            for changed, unread in self._column(table, name):
                done, broken = done + changed, broken + unread
                progress(done, max(total, done))
        return broken

    def _column(self, table: Table, name: str) -> Iterator[tuple[int, int]]:
        """Yield, for each handful, how many were sealed anew and how many are unreadable."""
        after: Row | None = None
        while rows := self._next(table, name, after):
            after = rows[-1]
            yield self.db.transact(lambda: self._seal(table, name, rows))

    def _next(self, table: Table, name: str, after: Row | None) -> list[Row]:
        """Return the next rows that another key sealed, in the order of their key."""
        column, keys = getattr(table, name), [getattr(table, each) for each in key_of(table)]
        is_old = (column != "") & (fn.SUBSTR(column, 3, 8) != self._cipher.newest)
        query = table.select(*keys, column).where(is_old).order_by(*keys).limit(AT_ONCE)
        if after is not None:
            query = query.where(_behind(table, after))
        return self.db.rows(query)

    def _seal(self, table: Table, name: str, rows: list[Row]) -> tuple[int, int]:
        changed = unread = 0
        for row in rows:
            try:
                words = self._cipher.open(row[name])
            except SealBroken:
                unread += 1
                continue
            # Only where nobody wrote other words in between: those are sealed by the new key.
            same = [getattr(table, each) == row[each] for each in (*key_of(table), name)]
            new = {name: self._cipher.seal(words)}
            changed += self.db.change(table.update(new).where(*same))
        return changed, unread


def _columns() -> Iterator[tuple[Table, str]]:
    for table, names in SEALED.items():
        for name in names:
            yield table, name


def _behind(table: Table, row: Row) -> Any:
    """Return the condition of rows that come after `row` in the order of their key."""
    condition: Any = None
    for name in reversed(key_of(table)):
        column, value = getattr(table, name), row[name]
        here = column > value
        condition = here if condition is None else here | ((column == value) & condition)
    return condition
